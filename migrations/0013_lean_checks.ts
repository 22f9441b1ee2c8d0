import { type Kysely, sql } from 'kysely';
import { CHECKS as CHECKS_BEFORE } from './0006_engine_constraints_and_lean_indexes.ts';
import { addChecks, dropChecks } from './support/concurrent.ts';

/**
 * Validations wait for writers that began before them, so this migration runs outside a transaction; each statement can be
 * run again.
 */
export const config = { transaction: false };

/**
 * PostgreSQL parses every constraint of a table for each statement that writes to it, and evaluates all of them for each row,
 * whichever columns changed. With a dozen on the four tables of the hot path that was an eighth of a small claim or
 * completion and a twentieth of a large one. So there is one for each table whose rows can contradict themselves. The write
 * guards of migration 5 on the histories stay: nothing else would refuse the writes of a process of Tasker (Ruby) there.
 */
export const CHECKS: Readonly<Record<string, Record<string, string>>> = {
  tasker_workflow_steps: {
    steps_row_agrees: [
      `in_process = (state = 'in_progress')`,
      `in_process = (claim_id IS NOT NULL)`,
      `in_process = (claimed_by IS NOT NULL)`,
      `processed = (state IN ('complete', 'resolved_manually'))`,
      `(ready_at IS NULL OR (state = 'pending' AND unmet_parents = 0 AND attempts < retry_limit))`,
      // In error means exactly one of the two: a retry is coming, or the step is blocked until an operator acts.
      `num_nonnulls(next_retry_at, blocked_at) = (state = 'error')::integer`,
      `state IN ('pending', 'in_progress', 'complete', 'error', 'cancelled', 'resolved_manually')`,
      `unmet_parents >= 0`,
      `named_task_id > 0`,
    ].join(' AND '),
  },
  tasker_tasks: {
    tasks_row_agrees: [
      `complete = (state IN ('complete', 'resolved_manually'))`,
      `state IN ('pending', 'in_progress', 'complete', 'error', 'cancelled', 'resolved_manually')`,
      `unfinished_sinks >= 0`,
    ].join(' AND '),
  },
};

/** One more comparison of the same row, which migration 5 had to add first. */
const GUARD = { steps_named_task_known: 'named_task_id > 0' };

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const [table, checks] of Object.entries(CHECKS)) await addChecks(db, table, checks);
  // The constraint that ensures this already saves the scan.
  await sql`ALTER TABLE tasker.tasker_workflow_steps ALTER retry_limit SET NOT NULL`.execute(db);
  for (const [table, checks] of Object.entries(CHECKS_BEFORE)) await dropChecks(db, table, Object.keys(checks));
  await dropChecks(db, 'tasker_workflow_steps', Object.keys(GUARD));
  // The step ids of a claim are deleted within seconds: compressing them cost more than it saved.
  await sql`
    ALTER TABLE tasker.tasker_claims
      ALTER task_ids SET STORAGE EXTERNAL,
      ALTER workflow_step_ids SET STORAGE EXTERNAL`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`
    ALTER TABLE tasker.tasker_claims
      ALTER task_ids SET STORAGE EXTENDED,
      ALTER workflow_step_ids SET STORAGE EXTENDED`.execute(db);
  await addChecks(db, 'tasker_workflow_steps', GUARD);
  for (const [table, checks] of Object.entries(CHECKS_BEFORE)) await addChecks(db, table, checks);
  await sql`ALTER TABLE tasker.tasker_workflow_steps ALTER retry_limit DROP NOT NULL`.execute(db);
  for (const [table, checks] of Object.entries(CHECKS)) await dropChecks(db, table, Object.keys(checks));
}
