import { type Kysely, sql } from 'kysely';

/**
 * A task can have a place in a trace. Null for every task that is not traced, which costs no byte in a row that has nulls anyway, no
 * check and no index. Adding a column without a default rewrites no table.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE tasker.tasker_tasks ADD COLUMN trace_context text`.execute(db);
  await sql`COMMENT ON COLUMN tasker.tasker_tasks.trace_context IS ${sql.lit(COMMENT)}`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE tasker.tasker_tasks DROP COLUMN trace_context`.execute(db);
}

const COMMENT =
  'The place in a trace under which the spans of its attempts are: the W3C header `traceparent`, and behind a blank `tracestate`, if there is one. Null: it is not traced.';
