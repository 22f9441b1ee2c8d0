import type pg from 'pg';
import { migrations } from '../../migrations/index.ts';
import { TaskerError } from '../errors.ts';
import { findTaskerSchemas, TASKER_TABLES, type TaskerSchemaRow } from './statements/imports/tasker-schemas.ts';
import { nameOf, recognize, type TaskerSchema } from './tasker-schemas.ts';

/** What a migration has to know of its database before it changes anything. */
export interface MigrationState {
  schemaExists: boolean;
  /** Whether the table of applied migrations exists. */
  recordExists: boolean;
  /** Whether some schema has a table with a name that other programs give theirs, or this one its own. */
  hasKnownTables: boolean;
  /** The names of the applied migrations with their times, in order; empty if the schema was never migrated. */
  applied: Map<string, Date>;
  /** If only the first tables of the schema are made: the newest migration of the version that made them. */
  begun: string | undefined;
  encoding: string;
  /** As server_version_num. */
  serverVersion: number;
}

export async function migrationState(client: pg.Client, schema: string): Promise<MigrationState> {
  const { rows } = await client.query<{
    schema: string | null;
    record: string | null;
    comment: string | null;
    known: boolean;
    encoding: string;
    version: number;
  }>(
    `SELECT to_regnamespace($1) AS schema, to_regclass($2) AS record, obj_description(to_regclass($2), 'pg_class') AS comment,
       current_setting('server_encoding') AS encoding, current_setting('server_version_num')::integer AS version,
       EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relname = ANY ($3::name[]) AND c.relkind IN ('r', 'p')) AS known`,
    [`"${schema}"`, recordOf(schema), TASKER_TABLES],
  );
  const found = rows[0];
  const recordExists = found !== undefined && found.record !== null;
  return {
    schemaExists: found !== undefined && found.schema !== null,
    recordExists,
    hasKnownTables: found?.known ?? true,
    applied: recordExists ? await readRecord(client, schema) : new Map(),
    begun: begunVersion(found?.comment),
    encoding: found?.encoding ?? '',
    serverVersion: found?.version ?? 0,
  };
}

/** The names of the applied migrations with their times, in order; empty if the schema was never migrated. */
export async function appliedMigrations(client: pg.Client, schema: string): Promise<Map<string, Date>> {
  return (await migrationState(client, schema)).applied;
}

/** As `appliedMigrations`, of a record that exists. */
export async function readRecord(client: pg.Client, schema: string): Promise<Map<string, Date>> {
  const { rows } = await client.query<{ name: string; applied_at: Date }>(
    `SELECT name, applied_at FROM ${recordOf(schema)} ORDER BY name`,
  );
  return new Map(rows.map((row) => [row.name, row.applied_at]));
}

const UNFINISHED = /^Unfinished: the first tables of (\w+)/;

/** The comment that the table of migrations has while only the first tables of the schema are made: it ends with the comment that it has afterwards. */
export function unfinishedText(client: pg.Client, schema: string): string {
  const comment = `Unfinished: the first tables of ${migrations.at(-1)?.name}. The next program that migrates makes the rest, or tasker migrate up.`;
  return `COMMENT ON TABLE ${recordOf(schema)} IS ${client.escapeLiteral(comment)}`;
}

/** The newest migration of the version that made the first tables alone, by the comment of the table of migrations. */
export const begunVersion = (comment: string | null | undefined): string | undefined =>
  UNFINISHED.exec(comment ?? '')?.[1];

const recordOf = (schema: string): string => `"${schema}".tasker_migrations`;

/** Throws a TaskerError if the database was migrated by another version. */
export function refuseUnknownMigrations(applied: readonly string[]): void {
  for (const [index, name] of applied.entries()) {
    if (migrations[index]?.name === name) continue;
    throw new TaskerError(
      'MIGRATION_FOREIGN',
      `the database has migration "${name}" where this version expects "${migrations[index]?.name ?? 'none'}": it was migrated by another version, use that one`,
      { name },
    );
  }
}

/**
 * Refuses, before anything is written, a schema to which no migration was applied but which has tables of other programs: of
 * Tasker (Ruby), mostly in `public`, or of tasker-core, whose schema has the name that is the default here. Warns if Tasker (Ruby) lies in
 * another schema.
 */
export async function refuseForeignTables(
  client: pg.Client,
  schema: string,
  { applied, hasKnownTables }: MigrationState,
  onWarning?: (message: string) => void,
): Promise<void> {
  // An empty database has none: what tells them apart takes the server a quarter as long as the whole schema.
  if (applied.size > 0 || !hasKnownTables) return;
  const { rows } = await client.query<TaskerSchemaRow>(findTaskerSchemas.text);
  const found = rows.map((row) => ({ ...recognize(row), tables: row.tables }));
  const here = found.find((row) => row.schema === schema);
  if (here !== undefined) {
    const tables = here.tables.length === 0 ? '' : ` (${here.tables.join(', ')})`;
    throw new TaskerError(
      'SCHEMA_OCCUPIED',
      `schema "${schema}" has tables of ${nameOf(here)}${tables}, and no migration of this version is recorded there: nothing was changed; ${wayOut(here)}`,
      { schema, tables: here.tables, found: nameOf(here) },
    );
  }
  for (const other of found) {
    if (other.kind !== 'tasker' || other.class === 'E') continue;
    onWarning?.(
      `schema "${other.schema}" has the tables of ${nameOf(other)}, which stay as they are; tasker import-tasker --source-schema ${other.schema} --dry-run shows what can be brought over`,
    );
  }
}

function wayOut(found: TaskerSchema): string {
  if (found.kind === 'ours')
    return 'restore the table tasker_migrations from a backup, or set TASKER_SCHEMA to another schema';
  const elsewhere = 'set TASKER_SCHEMA to another schema and migrate again';
  if (found.kind === 'tasker' && found.class !== 'E')
    return `${elsewhere}, then bring its tasks over with tasker import-tasker --source-schema ${found.schema}`;
  return elsewhere;
}

/**
 * What creates the table of applied migrations; empty if it is there. CREATE ... IF NOT EXISTS needs the right to create even if there is nothing
 * to do, and a role that may only read lacks it.
 */
export function migrationRecordText(schema: string, { schemaExists, recordExists }: MigrationState): string {
  if (recordExists) return '';
  return `${schemaExists ? '' : `CREATE SCHEMA IF NOT EXISTS "${schema}"; `}CREATE TABLE IF NOT EXISTS ${recordOf(schema)} (
       name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT clock_timestamp());`;
}
