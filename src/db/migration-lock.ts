import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import { HALF_JITTER, withJitter } from '../backoff.ts';
import { TaskerError } from '../errors.ts';

/** What is hashed to the first number of the advisory lock that every migration takes; the second is 1. */
export const migrationLockKey = (schema: string): string => `tasker.migrations.${schema}`;

/** Polls a try-lock: a session that blocks on a lock is a transaction, for which concurrent index builds would wait for ever. */
export async function acquireMigrationLock(client: pg.Client, schema: string, waitSeconds: number): Promise<void> {
  const deadline = performance.now() + waitSeconds * 1000;
  for (;;) {
    if (await tryMigrationLock(client, schema)) return;
    if (performance.now() > deadline) {
      throw new TaskerError(
        'MIGRATION_LOCKED',
        `another process has been migrating schema "${schema}" for more than ${waitSeconds} s: wait for it, or end its session (application_name "tasker migrate")`,
        { schema },
      );
    }
    await pause(withJitter(200, HALF_JITTER));
  }
}

/** Whether it was free, and is the session's now. */
export async function tryMigrationLock(client: pg.Client, schema: string): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock(hashtext($1), 1) AS locked', [
    migrationLockKey(schema),
  ]);
  return rows[0]?.locked === true;
}

/** What gives it back. */
export const unlockText = (client: pg.Client, schema: string): string =>
  `SELECT pg_advisory_unlock(hashtext(${client.escapeLiteral(migrationLockKey(schema))}), 1)`;
