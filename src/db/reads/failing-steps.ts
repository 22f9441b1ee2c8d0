/** SQL: the step `s` is in error: it waits for a retry, or is blocked. Literally as the index `steps_in_error_by_task` has it. */
export const FAILING = 'coalesce(s.next_retry_at, s.blocked_at) IS NOT NULL';

/** SQL: a step of this task fails. Reads `steps_in_error_by_task` alone. */
export const hasFailingStep = (task: string): string => `EXISTS (
      SELECT FROM tasker.tasker_workflow_steps s WHERE ${FAILING} AND s.task_id = ${task} OFFSET 0)`;
