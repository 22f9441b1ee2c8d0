import type { StepClaim } from './claim.ts';

/** By task and step: the order in which every statement locks step rows. */
export function byKey<T extends StepClaim>(steps: readonly T[]): T[] {
  return steps.toSorted((a, b) => compareIds(a.stepId, b.stepId));
}

/** Step ids begin with the task's id, so one comparison orders by both. Decimal strings of equal length compare as text. */
function compareIds(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * The lowest and the highest id of their tasks, as parameters of a statement; 0 for no steps. Not simply those of the first and the last
 * by key: steps that were inherited may have other ids.
 */
export function taskRange(steps: readonly StepClaim[]): { lowest_task: string; highest_task: string } {
  let lowest = steps[0]?.taskId ?? '0';
  let highest = lowest;
  for (const { taskId } of steps) {
    if (compareIds(taskId, lowest) < 0) lowest = taskId;
    else if (compareIds(taskId, highest) > 0) highest = taskId;
  }
  return { lowest_task: lowest, highest_task: highest };
}
