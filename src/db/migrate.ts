/**
 * Applies migrations and takes them back, one transaction each. An empty database gets all of them as one script (apply-whole-schema.ts).
 *
 * Kysely's own Migrator (0.29) runs either all of them in one transaction or none in any, behind a lock that it blocks on. A
 * concurrent index build fails inside a transaction, and waits for a session that blocks on a lock. So this records itself
 * what is applied, over migrations of the form that Kysely 0.30 reads with `transactionMode: 'per-migration'`.
 */
import type pg from 'pg';
import { migrations } from '../../migrations/index.ts';
import { TaskerError } from '../errors.ts';
import { applyMigration } from './apply-migration.ts';
import { applyRest, applyWholeSchema, loadWholeSchema, refuseForeignBeginning } from './apply-whole-schema.ts';
import type { MigrateOptions, WatchedMigrateOptions } from './migrate-options.ts';
import { acquireMigrationLock } from './migration-lock.ts';
import {
  appliedMigrations,
  type MigrationState,
  migrationRecordText,
  migrationState,
  refuseForeignTables,
  refuseUnknownMigrations,
} from './migration-record.ts';
import {
  asMigrationConnection,
  type MigrationDatabase,
  withMigrationConnection,
} from './connections/migration-connection.ts';
import { checkedSchema, DEFAULT_SCHEMA } from './schema-name.ts';

/** A migration of this version; `appliedAt` is null if it is pending. */
export interface MigrationStatus {
  name: string;
  appliedAt: Date | null;
}

/** Applies every pending migration. Safe in any number of processes at once: one applies, the others wait. */
export async function migrateToLatest(url: string, options: MigrateOptions = {}): Promise<string[]> {
  return migrateTo(url, migrations.at(-1)?.name as string, options);
}

/** Applies the next pending migration, or the next `steps`. Returns the names. */
export async function migrateUp(url: string, steps = 1, options: MigrateOptions = {}): Promise<string[]> {
  return move(url, options, (applied) => Math.min(applied + steps, migrations.length));
}

/** Takes the newest applied migration back, or the newest `steps`. Returns the names. */
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
    refuseUnknownMigrations([...applied.keys()]);
    return migrations.map(({ name }) => ({ name, appliedAt: applied.get(name) ?? null }));
  });
}

/**
 * The migrations of this version that the database lacks. None if a later version migrated it further: an earlier
 * one still works there, as it must in every rollout and after every rollback.
 */
export async function pendingMigrations(url: string, options: MigrateOptions = {}): Promise<string[]> {
  const schema = checkedSchema(options.schema ?? DEFAULT_SCHEMA);
  return withMigrationConnection({ ...options, url, schema }, async (_, client) => {
    const applied = await appliedMigrations(client, schema);
    return migrations.map(({ name }) => name).filter((name) => !applied.has(name));
  });
}

/**
 * @internal As `migrateToLatest`, on a session that the caller has open and closes then: it has other settings afterwards. To open another one takes as
 * long as a tenth of the schema of an empty database. `url`: where it leads; not to a pooler.
 */
export async function migrateSession(
  pooled: pg.PoolClient,
  { url, ...options }: WatchedMigrateOptions & { url: string },
): Promise<string[]> {
  const schema = checkedSchema(options.schema ?? DEFAULT_SCHEMA);
  const client = pooled as unknown as pg.Client;
  // An empty database will need it; it is loaded during the round trips before the script. A failure comes again with its use.
  void loadWholeSchema().catch(() => undefined);
  const db = await asMigrationConnection(client, { url, schema });
  return moveOn(db, client, schema, options, () => migrations.length);
}

async function move(url: string, options: MigrateOptions, target: (applied: number) => number): Promise<string[]> {
  const schema = checkedSchema(options.schema ?? DEFAULT_SCHEMA);
  return withMigrationConnection({ ...options, url, schema }, (db, client) =>
    moveOn(db, client, schema, options, target),
  );
}

async function moveOn(
  db: MigrationDatabase,
  client: pg.Client,
  schema: string,
  options: WatchedMigrateOptions,
  target: (applied: number) => number,
): Promise<string[]> {
  await acquireMigrationLock(client, schema, options.waitSeconds ?? 120);
  let state = await migrationState(client, schema);
  const done: string[] = [];
  if (state.begun !== undefined) {
    refuseForeignBeginning(schema, state.begun);
    done.push(...(await applyRest(client, schema, options)));
    state = await migrationState(client, schema);
  }
  const { applied } = state;
  refuseUnknownMigrations([...applied.keys()]);
  await refuseForeignTables(client, schema, state, options.onWarning);
  warnOfEncoding(state, options);
  const goal = target(applied.size);
  const isWhole = applied.size === 0 && goal === migrations.length;
  const atOnce = isWhole ? await applyWholeSchema(client, schema, state, options) : [];
  if (atOnce.length === 0 && !state.recordExists) await client.query(migrationRecordText(schema, state));
  done.push(...atOnce);
  for (let index = applied.size + atOnce.length; index < goal; index += 1)
    done.push(await applyMigration(db, client, schema, index, 'up', options));
  for (let index = applied.size - 1; index >= goal; index -= 1) {
    done.push(await applyMigration(db, client, schema, index, 'down', options));
  }
  return done;
}

function warnOfEncoding({ encoding }: MigrationState, options: MigrateOptions): void {
  if (encoding === 'UTF8') return;
  options.onWarning?.(
    `the database has encoding ${encoding}: inputs and results with characters that it lacks will be refused, and replaced in the texts of errors. Create it with ENCODING 'UTF8'`,
  );
}
