import { isFinal } from '../workflow/states.ts';
import type { MappedStep } from './mapped-task.ts';
import { newestOf, type SourceTask } from './source-task.ts';

/** Whether Tasker (Ruby) has ended the task: then it changes no more, and can be copied while Tasker runs. */
export function phaseOf(task: SourceTask): 'ended' | 'open' {
  if (isFinal(newestOf(task.history)?.to ?? task.status ?? 'pending')) return 'ended';
  return task.complete && task.history.length === 0 ? 'ended' : 'open';
}

/** Whether a job of Tasker (Ruby) may be working on the task: it looks at the state of the task only at its start. */
export function isRunning(task: SourceTask, steps: readonly MappedStep[]): boolean {
  const state = newestOf(task.history)?.to ?? task.status;
  return state === 'in_progress' || steps.some((step) => step.state === 'in_progress');
}
