import { type Kysely, sql } from 'kysely';
import { buildIndex, dropIndex } from './support/concurrent.ts';

/** Index builds are concurrent, so this migration runs outside a transaction; each statement can be run again. */
export const config = { transaction: false };

/**
 * The index of workflows also has the lowest and the highest id of each of its ranges of pages. So a list reads only those ranges that
 * have the workflow and the ids of its page, and a list of tags only tasks with such ids.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await buildIndex(db, 'tasks_by_workflow_and_id', await definition(db, ', task_id int8_minmax_ops'));
  await dropIndex(db, 'tasks_by_workflow');
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await buildIndex(db, 'tasks_by_workflow', await definition(db, ''));
  await dropIndex(db, 'tasks_by_workflow_and_id');
}

/** PostgreSQL 13 has no filters, only bounds, which exclude less. */
async function definition(db: Kysely<unknown>, further: string): Promise<string> {
  const { rows } = await sql<{ bloom: boolean }>`
    SELECT current_setting('server_version_num')::integer >= 140000 AS bloom`.execute(db);
  const operators =
    rows[0]?.bloom === true
      ? 'int4_bloom_ops (n_distinct_per_range = 64, false_positive_rate = 0.001)'
      : 'int4_minmax_ops';
  return `ON tasker.tasker_tasks USING brin (named_task_id ${operators}${further}) WITH (pages_per_range = 128, autosummarize = on)`;
}
