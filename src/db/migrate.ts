/**
 * Applies migrations and takes them back, one transaction each.
 *
 * Kysely's own Migrator (0.29) runs all of them in one transaction or none in any, behind a lock that it blocks on: a
 * concurrent index build fails in the first and waits for the second. So this keeps the books itself, over migrations of
 * the form that Kysely 0.30 reads with `transactionMode: 'per-migration'`.
 */
import type { Kysely } from 'kysely';
import type pg from 'pg';
import { migrations } from '../../migrations/index.ts';
import { TaskerError, taskerErrorCode } from '../errors.ts';
import { withMigrationConnection } from './connections/migration-connection.ts';
import type { PasswordSource } from './connections/password.ts';
import { checkedSchema, DEFAULT_SCHEMA, inSchema } from './schema-name.ts';
import { serverEncoding } from './statements/server/encoding.ts';
import { isSerializationFailure, isUnavailable, sqlState } from './connections/sql-errors.ts';

export interface MigrateOptions {
  schema?: string;
  /** Instead of the password in the URL. */
  password?: PasswordSource | undefined;
  /** How long to wait for another process that migrates. Default 120. */
  waitSeconds?: number;
  /** How long one statement waits for a lock before it gives up, lets others pass, and tries again. Default 500. */
  lockTimeoutMs?: number;
  /** Hears of what works, and not as it should. */
  onWarning?: (message: string) => void;
  onApplied?: (name: string, direction: 'up' | 'down', seconds: number) => void;
}

export interface MigrationStatus {
  name: string;
  appliedAt: Date | null;
}

/** A DDL statement that waits for a reader makes everybody behind it wait too: it gives up after this and tries again. */
const LOCK_TIMEOUT_MS = 500;
/** With the pauses between them, about a minute. */
const LOCK_TRIES = 80;

/** What the first migration makes. */
const FIRST_TABLES = [
  'tasker_task_namespaces',
  'tasker_named_tasks',
  'tasker_named_steps',
  'tasker_named_tasks_named_steps',
  'tasker_tasks',
  'tasker_workflow_steps',
  'tasker_workflow_step_edges',
  'tasker_workflow_step_transitions',
  'tasker_task_transitions',
];

/** Applies every pending migration. Safe in any number of processes at once: one applies, the others wait. */
export async function migrateToLatest(url: string, options: MigrateOptions = {}): Promise<string[]> {
  return migrateTo(url, migrations.at(-1)?.name as string, options);
}

/** Applies the next pending migration, or the next `steps`. Answers the names. */
export async function migrateUp(url: string, steps = 1, options: MigrateOptions = {}): Promise<string[]> {
  return move(url, options, (applied) => Math.min(applied + steps, migrations.length));
}

/** Takes the newest applied migration back, or the newest `steps`. Answers the names. */
export async function migrateDown(url: string, steps = 1, options: MigrateOptions = {}): Promise<string[]> {
  return move(url, options, (applied) => Math.max(applied - steps, 0));
}

/** Moves up or down until `name` is the newest applied migration. Throws a TaskerError for a name that does not exist. */
export async function migrateTo(url: string, name: string, options: MigrateOptions = {}): Promise<string[]> {
  const index = migrations.findIndex((migration) => migration.name === name);
  if (index < 0) {
    const names = migrations.map((migration) => migration.name).join(', ');
    throw new TaskerError('MIGRATION_UNKNOWN', `there is no migration "${name}"; there are ${names}`, { name });
  }
  return move(url, options, () => index + 1);
}

/** Every migration of this version in order. Throws a TaskerError for a database that another version migrated further. */
export async function migrationStatus(url: string, options: MigrateOptions = {}): Promise<MigrationStatus[]> {
  const schema = checkedSchema(options.schema ?? DEFAULT_SCHEMA);
  return withMigrationConnection({ ...options, url, schema }, async (_, client) => {
    const applied = await appliedMigrations(client, schema);
    refuseUnknown([...applied.keys()]);
    return migrations.map(({ name }) => ({ name, appliedAt: applied.get(name) ?? null }));
  });
}

/**
 * The migrations of this version that the database lacks. None where a later version migrated it further: an earlier one
 * still works there, as it must in every rollout and after every rollback.
 */
export async function pendingMigrations(url: string, options: MigrateOptions = {}): Promise<string[]> {
  const schema = checkedSchema(options.schema ?? DEFAULT_SCHEMA);
  return withMigrationConnection({ ...options, url, schema }, async (_, client) => {
    const applied = await appliedMigrations(client, schema);
    return migrations.map(({ name }) => name).filter((name) => !applied.has(name));
  });
}

async function move(url: string, options: MigrateOptions, target: (applied: number) => number): Promise<string[]> {
  const schema = checkedSchema(options.schema ?? DEFAULT_SCHEMA);
  return withMigrationConnection({ ...options, url, schema }, async (db, client) => {
    await acquire(client, schema, options.waitSeconds ?? 120);
    await refuseForeignTables(client, schema);
    await createBooks(client, schema);
    const applied = await appliedMigrations(client, schema);
    refuseUnknown([...applied.keys()]);
    await warnOfEncoding(client, options);
    const done: string[] = [];
    const goal = target(applied.size);
    for (let index = applied.size; index < goal; index += 1)
      done.push(await apply(db, client, schema, index, 'up', options));
    for (let index = applied.size - 1; index >= goal; index -= 1) {
      done.push(await apply(db, client, schema, index, 'down', options));
    }
    return done;
  });
}

async function warnOfEncoding(client: pg.Client, options: MigrateOptions): Promise<void> {
  const { rows } = await client.query<{ encoding: string }>(serverEncoding.text);
  const encoding = rows[0]?.encoding;
  if (encoding === undefined || encoding === 'UTF8') return;
  options.onWarning?.(
    `the database has encoding ${encoding}: inputs and results with characters that it lacks will be refused, and replaced in the texts of errors. Create it with ENCODING 'UTF8'`,
  );
}

async function apply(
  db: Kysely<unknown>,
  client: pg.Client,
  schema: string,
  index: number,
  direction: 'up' | 'down',
  options: MigrateOptions,
): Promise<string> {
  const { name, load } = migrations[index] as (typeof migrations)[number];
  const migration = await load();
  const started = performance.now();
  const record =
    direction === 'up'
      ? `INSERT INTO "${schema}".tasker_migrations (name) VALUES ($1)`
      : `DELETE FROM "${schema}".tasker_migrations WHERE name = $1`;
  const inTransaction = migration.config?.transaction !== false;
  for (let attempt = 1; ; attempt += 1) {
    try {
      if (inTransaction) await client.query('BEGIN');
      await client.query(
        `SET ${inTransaction ? 'LOCAL ' : ''}lock_timeout = ${options.lockTimeoutMs ?? LOCK_TIMEOUT_MS}`,
      );
      await migration[direction](db);
      await client.query(record, [name]);
      if (inTransaction) await client.query('COMMIT');
      break;
    } catch (error) {
      // A lost connection says so itself, and this would only hide it.
      await client.query('ROLLBACK').catch(() => undefined);
      // 55P03: somebody held a lock for too long. Nothing was changed, or what was can be done again; let the queue behind
      // us pass and ask again.
      const passing = sqlState(error) === '55P03' || isSerializationFailure(error);
      if (!passing || attempt >= LOCK_TRIES) throw failed(name, direction, attempt, schema, error);
      await pause(200 + Math.random() * 800);
    }
  }
  options.onApplied?.(name, direction, (performance.now() - started) / 1000);
  return name;
}

function failed(name: string, direction: 'up' | 'down', tries: number, schema: string, cause: unknown): unknown {
  const locked = sqlState(cause) === '55P03';
  // The server or the way to it: not the migration's fault, and callers have an answer of their own to it.
  if (taskerErrorCode(cause) !== undefined || (!locked && isUnavailable(cause))) return cause;
  const message = inSchema(cause instanceof Error ? cause.message : String(cause), schema);
  const fix = locked
    ? `${tries} times another session held a lock on a table for too long: end long transactions and migrate again`
    : 'nothing is half done that a second run would not repair: mend the cause and migrate again';
  return new TaskerError(
    'MIGRATION_FAILED',
    `migration ${name} (${direction}) failed: ${message}; ${fix}`,
    { name },
    { cause },
  );
}

/**
 * Tables of the names that the first migration makes, in a schema that no migration was applied to, are another program's:
 * Tasker (Ruby) has such tables, mostly in `public`. Refused before anything is written.
 */
async function refuseForeignTables(client: pg.Client, schema: string): Promise<void> {
  if ((await appliedMigrations(client, schema)).size > 0) return;
  const { rows } = await client.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = ANY ($2) ORDER BY c.relname`,
    [schema, FIRST_TABLES],
  );
  if (rows.length === 0) return;
  const names = rows.map(({ name }) => name);
  throw new TaskerError(
    'SCHEMA_OCCUPIED',
    `schema "${schema}" has ${names.length === 1 ? 'a table' : 'tables'} that no migration of Tasker Fleet made (${names.join(', ')}), those of Tasker (Ruby) perhaps: nothing was changed; set TASKER_SCHEMA to another schema and migrate again`,
    { schema, tables: names },
  );
}

/** CREATE ... IF NOT EXISTS asks for the right to create even where there is nothing to do, and a reader has none. */
async function createBooks(client: pg.Client, schema: string): Promise<void> {
  const { rows } = await client.query<{ schema: string | null; books: string | null }>(
    'SELECT to_regnamespace($1) AS schema, to_regclass($2) AS books',
    [`"${schema}"`, `"${schema}".tasker_migrations`],
  );
  if (rows[0]?.schema === null) await client.query(`CREATE SCHEMA IF NOT EXISTS "${schema}"`);
  if (rows[0]?.books !== null) return;
  await client.query(
    `CREATE TABLE IF NOT EXISTS "${schema}".tasker_migrations (
       name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())`,
  );
}

/** A polled try-lock: a blocking one would be a transaction that concurrent index builds wait for, for ever. */
async function acquire(client: pg.Client, schema: string, waitSeconds: number): Promise<void> {
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
    await pause(100 + Math.random() * 100);
  }
}

async function appliedMigrations(client: pg.Client, schema: string): Promise<Map<string, Date>> {
  const { rows: exists } = await client.query<{ found: string | null }>('SELECT to_regclass($1) AS found', [
    `"${schema}".tasker_migrations`,
  ]);
  if (exists[0]?.found === null) return new Map();
  const { rows } = await client.query<{ name: string; applied_at: Date }>(
    `SELECT name, applied_at FROM "${schema}".tasker_migrations ORDER BY name`,
  );
  return new Map(rows.map((row) => [row.name, row.applied_at]));
}

function refuseUnknown(applied: readonly string[]): void {
  for (const [index, name] of applied.entries()) {
    if (migrations[index]?.name === name) continue;
    throw new TaskerError(
      'MIGRATION_FOREIGN',
      `the database has migration "${name}" where this version expects "${migrations[index]?.name ?? 'none'}": it was migrated by another version, use that one`,
      { name },
    );
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
