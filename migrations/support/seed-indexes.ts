interface IndexDefinition {
  definition: string;
  unique?: boolean;
}

const steps = 'ON tasker.tasker_workflow_steps';
const transitions = 'ON tasker.tasker_workflow_step_transitions';

/** The eight indexes of the "database views for scale" of Tasker (Ruby), by their names there. */
export const EIGHT_INDEXES = {
  index_task_transitions_current_state_optimized: {
    definition: 'ON tasker.tasker_task_transitions (task_id, most_recent) WHERE most_recent',
  },
  index_step_transitions_current_state_optimized: {
    definition: `${transitions} (workflow_step_id, most_recent) WHERE most_recent`,
  },
  index_workflow_steps_processing_status: { definition: `${steps} (task_id, processed, in_process)` },
  index_workflow_steps_retry_logic: { definition: `${steps} (attempts, retry_limit, retryable)` },
  index_workflow_steps_backoff_timing: {
    definition: `${steps} (last_attempted_at, backoff_request_seconds) WHERE backoff_request_seconds IS NOT NULL`,
  },
  index_step_transitions_current_errors: {
    definition: `${transitions} (workflow_step_id, most_recent, created_at) WHERE to_state = 'error' AND most_recent`,
  },
  index_step_transitions_completed_parents: {
    definition: `${transitions} (workflow_step_id, most_recent) WHERE to_state IN ('complete', 'resolved_manually') AND most_recent`,
  },
  index_workflow_steps_task_covering: {
    definition: `${steps} (task_id) INCLUDE (workflow_step_id, processed, in_process, attempts, retry_limit)`,
  },
} as const satisfies Record<string, IndexDefinition>;

/** Every index of the first two phases that the third drops, to build it again on the way back. */
export const SEED_INDEXES: Readonly<Record<string, IndexDefinition>> = {
  ...EIGHT_INDEXES,
  index_workflow_steps_on_id: { definition: `${steps} (workflow_step_id)`, unique: true },
  index_workflow_steps_on_processed_at: { definition: `${steps} (processed_at)` },
  index_workflow_steps_on_last_attempted_at: { definition: `${steps} (last_attempted_at)` },
  index_workflow_step_edges_on_from: { definition: 'ON tasker.tasker_workflow_step_edges (from_step_id)' },
  index_workflow_step_edges_on_to: { definition: 'ON tasker.tasker_workflow_step_edges (to_step_id)' },
  index_step_transitions_on_step_and_most_recent: {
    definition: `${transitions} (workflow_step_id) WHERE most_recent`,
    unique: true,
  },
  index_step_transitions_on_step_and_created_at: { definition: `${transitions} (workflow_step_id, created_at)` },
  index_task_transitions_on_task_and_created_at: {
    definition: 'ON tasker.tasker_task_transitions (task_id, created_at)',
  },
};
