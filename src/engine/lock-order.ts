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
