import type { TaskResult } from '../client/task-result.ts';
import type { Submitted } from '../engine/submit.ts';
import type { TaskDetails } from '../reads/task.ts';
import { resultText } from '../reads/text/draw-task.ts';
import type { State } from '../workflow/states.ts';

/** The outcome of a submit as JSON; `state`: of the task, if it is known. */
export function submitOutcome(submitted: Submitted, state?: State): Record<string, unknown> {
  return {
    outcome: submitted.outcome,
    task_id: submitted.taskId,
    ...(state === undefined ? {} : { state }),
    ...(submitted.outcome === 'existing' ? { input_differs: submitted.inputDiffers } : {}),
    ...('replaces' in submitted ? { replaces: submitted.replaces } : {}),
  };
}

/** `task 5 existing (cancelled; its input is another one than this)` */
export function describeSubmit(submitted: Submitted, state: State | undefined): string {
  return line(`task ${submitted.taskId} ${submitted.outcome}`, [state, ...notesOn(submitted)]);
}

/** Results that are shown, at most: more are a document, which --json has. */
const MOST_RESULTS = 10;

/** `task 5 complete`, after waiting for its end; below it the results of its last steps, or what failed. */
export function describeEnd(submitted: Submitted, end: TaskResult, steps: TaskDetails['steps']): string {
  const earlier = submitted.outcome === 'existing' ? ['the task of an earlier submit'] : [];
  const ended = line(`task ${submitted.taskId} ${end.state}`, [...earlier, ...notesOn(submitted)]);
  if (end.state === 'complete') return [ended, ...lastResults(steps)].join('\n');
  const errors = end.errors.map(
    ({ step, error }) => `  ${step}: ${error.name ?? 'Error'}: ${firstLine(error.message ?? '')}`,
  );
  return [ended, ...errors, `  tasker task ${submitted.taskId} shows its steps`].join('\n');
}

/** The results of the steps on which no other depends, since the others led to them. */
function lastResults(steps: TaskDetails['steps']): string[] {
  const parents = new Set(steps.flatMap((step) => step.parents));
  const last = steps.filter(({ name, results }) => !parents.has(name) && results !== null && results !== undefined);
  return last.slice(0, MOST_RESULTS).map(({ name, results }) => `  ${name}: ${resultText(results)}`);
}

const firstLine = (text: string): string => text.split('\n')[0] ?? '';

function notesOn(submitted: Submitted): (string | undefined)[] {
  if (submitted.outcome === 'existing') {
    return [submitted.inputDiffers ? 'its input is another one than this' : undefined];
  }
  return [submitted.replaces === undefined ? undefined : `takes over the identity of task ${submitted.replaces}`];
}

function line(subject: string, notes: readonly (string | undefined)[]): string {
  const known = notes.filter((note) => note !== undefined);
  return known.length === 0 ? subject : `${subject} (${known.join('; ')})`;
}
