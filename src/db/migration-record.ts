import type pg from 'pg';
import { migrations } from '../../migrations/index.ts';
import { TaskerError } from '../errors.ts';

/** The tables that the first migration creates. */
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

/** The names of the applied migrations with their times, in order; empty if the schema was never migrated. */
export async function appliedMigrations(client: pg.Client, schema: string): Promise<Map<string, Date>> {
  const { rows: exists } = await client.query<{ found: string | null }>('SELECT to_regclass($1) AS found', [
    `"${schema}".tasker_migrations`,
  ]);
  if (exists[0]?.found === null) return new Map();
  const { rows } = await client.query<{ name: string; applied_at: Date }>(
    `SELECT name, applied_at FROM "${schema}".tasker_migrations ORDER BY name`,
  );
  return new Map(rows.map((row) => [row.name, row.applied_at]));
}

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
 * Refuses, before anything is written, a schema to which no migration was applied but which has tables of the names that the
 * first migration creates. They belong to another program: Tasker (Ruby) has such tables, mostly in `public`.
 */
export async function refuseForeignTables(client: pg.Client, schema: string): Promise<void> {
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

/**
 * Creates the table of applied migrations. CREATE ... IF NOT EXISTS needs the right to create even if there is nothing to do,
 * and a role that may only read lacks it.
 */
export async function createMigrationRecord(client: pg.Client, schema: string): Promise<void> {
  const { rows } = await client.query<{ schema: string | null; record: string | null }>(
    'SELECT to_regnamespace($1) AS schema, to_regclass($2) AS record',
    [`"${schema}"`, `"${schema}".tasker_migrations`],
  );
  if (rows[0]?.schema === null) await client.query(`CREATE SCHEMA IF NOT EXISTS "${schema}"`);
  if (rows[0]?.record !== null) return;
  await client.query(
    `CREATE TABLE IF NOT EXISTS "${schema}".tasker_migrations (
       name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())`,
  );
}
