import type { Submitted } from '../engine/submit.ts';
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

/** `task 5 complete`, after waiting for its end. */
export function describeEnd(submitted: Submitted, state: State): string {
  return line(`task ${submitted.taskId} ${state}`, notesOn(submitted));
}

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
