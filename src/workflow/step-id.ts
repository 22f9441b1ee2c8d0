/**
 * A step's id is its task's id * 65536 + its ordinal in the workflow: children, edges and the task of a step follow from it
 * without a query. The SQL of the same arithmetic is in db/statements/rules/step-id.ts.
 */
export const STEP_ID_FACTOR = 65_536;

/** Step ids have 63 bits: a task with a higher id than this cannot have them. */
export const HIGHEST_TASK_ID = 2n ** 47n - 1n;

/** Ids stay below 2^63; those of tasks below 2^37 are exact as numbers, which is cheaper than BigInt. */
const EXACT_DIGITS = 15;

/** The ordinal of a step in its workflow, from its id. */
export function ordinalOf(stepId: string): number {
  return stepId.length <= EXACT_DIGITS
    ? Number(stepId) % STEP_ID_FACTOR
    : Number(BigInt(stepId) % BigInt(STEP_ID_FACTOR));
}

/** The task that a step belongs to, from its id. */
export function taskIdOf(stepId: string): string {
  return stepId.length <= EXACT_DIGITS
    ? String(Math.floor(Number(stepId) / STEP_ID_FACTOR))
    : String(BigInt(stepId) / BigInt(STEP_ID_FACTOR));
}
