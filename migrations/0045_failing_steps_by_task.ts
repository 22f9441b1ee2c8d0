import type { Kysely } from 'kysely';
import { buildIndex, dropIndex } from './support/concurrent.ts';

/** The build is concurrent, so this migration runs outside a transaction; it can be run again. */
export const config = { transaction: false };

const BY_STEP = 'steps_in_error';
const BY_TASK = 'steps_in_error_by_task';
const IN_ERROR = 'WHERE coalesce(next_retry_at, blocked_at) IS NOT NULL';

/**
 * The index of failing steps by their tasks, and not by their own ids: those of Tasker (Ruby) do not begin with the ids of their tasks until a definition adopts them. The
 * condition is the same, so no write costs more, and an adopted task keeps its entries.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await buildIndex(db, BY_TASK, `ON tasker.tasker_workflow_steps (task_id) ${IN_ERROR}`);
  await dropIndex(db, BY_STEP);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await buildIndex(db, BY_STEP, `ON tasker.tasker_workflow_steps (workflow_step_id) ${IN_ERROR}`);
  await dropIndex(db, BY_TASK);
}
