import type { Kysely } from 'kysely';
import { FAILING, FAILING_STEPS } from './0042_failing_steps.ts';
import { buildIndex, dropIndex } from './support/concurrent.ts';

/** The build is concurrent, so this migration runs outside a transaction; it can be run again. */
export const config = { transaction: false };

const IN_ERROR = 'steps_in_error';

/**
 * The index of failing steps, with a condition that costs less: PostgreSQL evaluates it for each step that is submitted or claimed, and a call of a function with a
 * list of arguments took about 0.2 us each time. This form, too, follows from no other condition, so the planner does not take the index for due retries.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await buildIndex(
    db,
    IN_ERROR,
    'ON tasker.tasker_workflow_steps (workflow_step_id) WHERE coalesce(next_retry_at, blocked_at) IS NOT NULL',
  );
  await dropIndex(db, FAILING);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await buildIndex(db, FAILING, FAILING_STEPS);
  await dropIndex(db, IN_ERROR);
}
