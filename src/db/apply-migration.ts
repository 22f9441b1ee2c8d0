import type pg from 'pg';
import { setTimeout as pause } from 'node:timers/promises';
import { type Jitter, withJitter } from '../backoff.ts';
import { migrations } from '../../migrations/index.ts';
import { TaskerError, taskerErrorCode } from '../errors.ts';
import type { MigrateOptions } from './migrate-options.ts';
import type { MigrationDatabase } from './connections/migration-connection.ts';
import { inSchema } from './schema-name.ts';
import { isSerializationFailure, isUnavailable, sqlState } from './connections/sql-errors.ts';

/** A DDL statement that waits for a reader blocks everybody behind it: it gives up after this time and tries again. */
const LOCK_TIMEOUT_MS = 500;
/** With the pauses between them, about a minute. */
const LOCK_TRIES = 80;
/** 200 ms to 1 s. */
const LOCK_RETRY_JITTER: Jitter = [0.2, 1];

/** Applies one migration or takes it back, and records that. Returns its name. */
export async function applyMigration(
  db: MigrationDatabase,
  client: pg.Client,
  schema: string,
  index: number,
  direction: 'up' | 'down',
  options: MigrateOptions,
): Promise<string> {
  const { name, load } = migrations[index] as (typeof migrations)[number];
  const migration = await load();
  const kysely = await db();
  const seconds = await change(client, schema, options, {
    what: `migration ${name} (${direction})`,
    fields: { name },
    transaction: migration.config?.transaction === false ? 'none' : 'around',
    async run() {
      await migration[direction](kysely);
      await client.query(
        direction === 'up'
          ? `INSERT INTO "${schema}".tasker_migrations (name) VALUES ($1)`
          : `DELETE FROM "${schema}".tasker_migrations WHERE name = $1`,
        [name],
      );
    },
  });
  options.onApplied?.(name, direction, seconds);
  return name;
}

interface Change {
  /** For messages. */
  readonly what: string;
  readonly fields: Record<string, unknown>;
  /** `inside`: it is one message, which begins with what `run` gets and ends its transaction, without further round trips. */
  readonly transaction: 'around' | 'inside' | 'none';
  /** Makes the change and records it. Run again if a lock was not to be had. */
  run(begin: string): Promise<void>;
}

/** Makes one change of the schema, again and again while others hold the locks that it needs. Returns the seconds that it took. */
export async function change(
  client: pg.Client,
  schema: string,
  options: MigrateOptions,
  { what, fields, transaction, run }: Change,
): Promise<number> {
  const started = performance.now();
  const begin = `${transaction === 'none' ? 'SET' : 'BEGIN; SET LOCAL'} lock_timeout = ${options.lockTimeoutMs ?? LOCK_TIMEOUT_MS};`;
  for (let attempt = 1; ; attempt += 1) {
    try {
      if (transaction !== 'inside') await client.query(begin);
      await run(begin);
      if (transaction === 'around') await client.query('COMMIT');
      break;
    } catch (error) {
      // The error of a lost connection must not be replaced by that of this statement.
      await client.query('ROLLBACK').catch(() => undefined);
      // 55P03: another session held a lock for too long. Either nothing was changed, or it can be done again. The pause lets
      // the sessions that queue behind this one pass.
      const passing = sqlState(error) === '55P03' || isSerializationFailure(error);
      if (!passing || attempt >= LOCK_TRIES) throw failed(what, fields, attempt, schema, error);
      await pause(withJitter(1000, LOCK_RETRY_JITTER));
    }
  }
  return (performance.now() - started) / 1000;
}

function failed(what: string, fields: Record<string, unknown>, tries: number, schema: string, cause: unknown): unknown {
  const locked = sqlState(cause) === '55P03';
  // The server or the network failed, not the migration; callers handle that themselves.
  if (taskerErrorCode(cause) !== undefined || (!locked && isUnavailable(cause))) return cause;
  const message = inSchema(cause instanceof Error ? cause.message : String(cause), schema);
  const fix = locked
    ? `${tries} times another session held a lock on a table for too long: end long transactions and migrate again`
    : 'nothing is half done that a second run would not repair: mend the cause and migrate again';
  return new TaskerError('MIGRATION_FAILED', `${what} failed: ${message}; ${fix}`, fields, { cause });
}
