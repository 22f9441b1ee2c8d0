import type { Kysely } from 'kysely';
import { addChecks, buildIndex, buildUniqueIndex, dropChecks, dropIndex } from './support/concurrent.ts';
import { SEED_INDEXES } from './support/seed-indexes.ts';

/** Index builds are concurrent, so this migration runs outside a transaction; each statement can be run again. */
export const config = { transaction: false };

/**
 * The indexes of view version 2 and of the first schema that version 3 does not read. Each added an index entry to every
 * write.
 */
const DROPPED = [
  'index_task_transitions_current_state_optimized',
  'index_step_transitions_current_state_optimized',
  'index_workflow_steps_processing_status',
  'index_workflow_steps_retry_logic',
  'index_workflow_steps_backoff_timing',
  'index_step_transitions_current_errors',
  'index_step_transitions_completed_parents',
  'index_workflow_steps_task_covering',
  'index_workflow_steps_on_id',
  'index_workflow_steps_on_processed_at',
  'index_workflow_steps_on_last_attempted_at',
  'index_workflow_step_edges_on_from',
  'index_workflow_step_edges_on_to',
  'index_step_transitions_on_step_and_most_recent',
  'index_step_transitions_on_step_and_created_at',
  'index_task_transitions_on_task_and_created_at',
] as const;

const ADDED = [
  'steps_ready',
  'steps_retry_due',
  'steps_blocked',
  'edges_by_parent',
  'tasks_open',
  'workers_alive',
  'step_transitions_most_recent',
  'named_steps_ordinal',
] as const;

const STATES = `('pending', 'in_progress', 'complete', 'error', 'cancelled', 'resolved_manually')`;

/** Conditions that every row must meet, by table. */
export const CHECKS: Readonly<Record<string, Record<string, string>>> = {
  tasker_workflow_steps: {
    steps_state_known: `state IN ${STATES}`,
    steps_claim_means_in_process: `in_process = (claim_id IS NOT NULL) AND in_process = (claimed_by IS NOT NULL) AND in_process = (state = 'in_progress')`,
    steps_processed_means_done: `processed = (state IN ('complete', 'resolved_manually'))`,
    steps_ready_means_claimable: `ready_at IS NULL OR (state = 'pending' AND unmet_parents = 0 AND attempts < retry_limit)`,
    // In error means exactly one of the two: a retry is coming, or the step is blocked until an operator acts.
    steps_error_means_retry_or_blocked: `(state = 'error') = ((next_retry_at IS NULL) <> (blocked_at IS NULL)) AND (next_retry_at IS NULL OR blocked_at IS NULL)`,
    steps_unmet_parents_in_range: `unmet_parents BETWEEN 0 AND total_parents`,
    steps_attempts_not_negative: `attempts >= 0 AND retry_limit >= 0 AND sort_key >= 0`,
    steps_retry_limit_known: 'retry_limit IS NOT NULL',
  },
  tasker_tasks: {
    tasks_state_known: `state IN ${STATES}`,
    tasks_complete_means_done: `complete = (state IN ('complete', 'resolved_manually'))`,
    tasks_unfinished_sinks_not_negative: `unfinished_sinks >= 0`,
  },
  // The history is checked when it is written, because an error in it would stay for ever.
  tasker_workflow_step_transitions: {
    step_transitions_states_known: `to_state IN ${STATES} AND (from_state IS NULL OR from_state <> to_state)`,
  },
  tasker_task_transitions: {
    task_transitions_states_known: `to_state IN ${STATES} AND (from_state IS NULL OR from_state <> to_state)`,
  },
};

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const [table, checks] of Object.entries(CHECKS)) await addChecks(db, table, checks);

  // The one index on a column that changes: claiming sets ready_at to NULL, so completing touches no indexed column.
  await buildIndex(
    db,
    'steps_ready',
    `ON tasker.tasker_workflow_steps (queue, priority, ready_at, workflow_step_id) WHERE ready_at IS NOT NULL`,
  );
  // Only a step that failed has an entry, so claim and completion of the others stay HOT.
  await buildIndex(
    db,
    'steps_retry_due',
    `ON tasker.tasker_workflow_steps (next_retry_at) WHERE next_retry_at IS NOT NULL`,
  );
  await buildIndex(db, 'steps_blocked', `ON tasker.tasker_workflow_steps (blocked_at) WHERE blocked_at IS NOT NULL`);
  await buildIndex(db, 'edges_by_parent', `ON tasker.tasker_workflow_step_edges (task_id, from_step_id)`);
  await buildIndex(db, 'tasks_open', `ON tasker.tasker_tasks (task_id) WHERE NOT complete`);
  await buildIndex(db, 'workers_alive', `ON tasker.tasker_workers (lease_expires_at) WHERE stopped_at IS NULL`);
  await buildUniqueIndex(
    db,
    'step_transitions_most_recent',
    `ON tasker.tasker_workflow_step_transitions (task_id, workflow_step_id) WHERE most_recent`,
  );
  await buildUniqueIndex(
    db,
    'named_steps_ordinal',
    `ON tasker.tasker_named_tasks_named_steps (named_task_id, ordinal) WHERE ordinal > 0`,
  );
  for (const name of DROPPED) await dropIndex(db, name);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const name of DROPPED) {
    const { definition, unique } = SEED_INDEXES[name] as { definition: string; unique?: boolean };
    await buildIndex(db, name, definition, unique);
  }
  for (const name of ADDED) await dropIndex(db, name);
  for (const [table, checks] of Object.entries(CHECKS)) await dropChecks(db, table, Object.keys(checks));
}
