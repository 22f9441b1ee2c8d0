import { type Kysely, sql } from 'kysely';
import { buildIndex, dropIndex } from './support/concurrent.ts';

/** Index builds are concurrent, so this migration runs outside a transaction; each statement can be run again. */
export const config = { transaction: false };

/**
 * Lists of tasks by workflow, initiator and tag, and of those that an operator ended, at costs that do not grow with history.
 *
 * No column in them ever changes, so the updates of a task stay HOT and write none of them. The partial ones have entries only for tasks
 * that have an initiator, tags, or such an end. Of an initiator, which is a text of any length, as much as fits into an entry. Tags are
 * written at once and not kept in a list for later, which some unlucky submit would have to sort in.
 *
 * The index of workflows must cost a submit nothing. A B-tree was a fiftieth of a single-step task. So it has no entry for a task but a
 * filter for each 128 pages, which is made when they are full: which workflows may have tasks there, with one error in a thousand.
 */
const PARTIAL = {
  tasks_by_initiator: 'ON tasker.tasker_tasks (left(initiator, 128), task_id) WHERE initiator IS NOT NULL',
  tasks_by_tag: 'ON tasker.tasker_tasks USING gin (tags jsonb_path_ops) WITH (fastupdate = off) WHERE tags IS NOT NULL',
  task_transitions_by_hand: `ON tasker.tasker_task_transitions (task_id) WHERE to_state IN ('cancelled', 'resolved_manually')`,
} as const;

const WORKFLOWS = 'tasks_by_workflow';
const OF_BLOOM = 'int4_bloom_ops (n_distinct_per_range = 64, false_positive_rate = 0.001)';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const [name, definition] of Object.entries(PARTIAL)) await buildIndex(db, name, definition);
  // PostgreSQL 13 has no filters, only bounds, which exclude less.
  const { rows } = await sql<{ bloom: boolean }>`
    SELECT current_setting('server_version_num')::integer >= 140000 AS bloom`.execute(db);
  const operators = rows[0]?.bloom === true ? OF_BLOOM : 'int4_minmax_ops';
  await buildIndex(
    db,
    WORKFLOWS,
    `ON tasker.tasker_tasks USING brin (named_task_id ${operators}) WITH (pages_per_range = 128, autosummarize = on)`,
  );
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const name of [...Object.keys(PARTIAL), WORKFLOWS]) await dropIndex(db, name);
}
