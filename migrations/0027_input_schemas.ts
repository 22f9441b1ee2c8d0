import { type Kysely, sql } from 'kysely';

/**
 * The JSON Schema of each workflow's input, for whoever submits without its code: an HTTP API, a form, a check of an edited input. It is
 * `json` and not `jsonb`, so that the members stay in the order in which they were written. A column without a default: the table is
 * locked for a moment, and not rewritten.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE tasker.tasker_named_tasks ADD COLUMN input_schema json`.execute(db);
  await sql`COMMENT ON COLUMN tasker.tasker_named_tasks.input_schema IS ${sql.lit(MEANING)}`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE tasker.tasker_named_tasks DROP COLUMN input_schema`.execute(db);
}

const MEANING =
  'JSON Schema of the input, as the last process that registered the workflow had it; null: the library of its schema has none. No part of the hash.';
