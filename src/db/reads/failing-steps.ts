/** SQL: the step `s` is in error: it waits for a retry, or is blocked. Literally as the index `steps_in_error` has it. */
export const FAILING = 'coalesce(s.next_retry_at, s.blocked_at) IS NOT NULL';

/** No task has an id from here on: steps have 16 bits of their own. */
const NO_TASK = 2n ** 47n - 1n;

/** SQL: no step of this task, or of a later one, has a lower id. */
export const stepsOf = (task: string): string => `least(${task}, ${NO_TASK}) * 65536`;

/** SQL: a step of this task fails. Reads `steps_in_error` alone. */
export const hasFailingStep = (task: string): string => `EXISTS (
      SELECT FROM tasker.tasker_workflow_steps s
      WHERE ${FAILING} AND s.workflow_step_id > ${stepsOf(task)} AND s.workflow_step_id < ${stepsOf(`${task} + 1`)}
      OFFSET 0)`;
