import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import { HALF_JITTER, withJitter } from '../backoff.ts';
import { TaskerError } from '../errors.ts';

/** Polls a try-lock: a session that blocks on a lock is a transaction, for which concurrent index builds would wait for ever. */
export async function acquireMigrationLock(client: pg.Client, schema: string, waitSeconds: number): Promise<void> {
  const deadline = performance.now() + waitSeconds * 1000;
  for (;;) {
    const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock(hashtext($1), 1) AS locked', [
      `tasker.migrations.${schema}`,
    ]);
    if (rows[0]?.locked === true) return;
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
