import type { Kysely } from 'kysely';
import { buildIndex, dropIndex } from './support/concurrent.ts';

/** The build is concurrent, so this migration runs outside a transaction; it can be run again. */
export const config = { transaction: false };

export const FAILING = 'steps_failing';
export const FAILING_STEPS =
  'ON tasker.tasker_workflow_steps (workflow_step_id) WHERE num_nonnulls(next_retry_at, blocked_at) > 0';

/**
 * Steps that fail now, in the order of their tasks: so a list of tasks in error is read from the newest one on, whatever else is newer. What the condition looks
 * at is in two other indexes already, so no update that was HOT is not HOT any more; only a step that fails, or is tried again, writes an entry. It is written in
 * a form that follows from no other condition: the planner would use the index for due retries, of which it may expect as few as there are failing steps.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await buildIndex(db, FAILING, FAILING_STEPS);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await dropIndex(db, FAILING);
}
