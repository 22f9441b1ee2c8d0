/**
 * The step runs, is ready, or waits for a retry: something will happen to it without an operator. A task with a blocked step and
 * no step like this is unrunnable, and ends in error.
 */
export const canProgress = (step: string): string =>
  `(${step}.in_process OR ${step}.ready_at IS NOT NULL OR ${step}.next_retry_at IS NOT NULL)`;
