/**
 * The fence of a claim. Every claim has an id of its own, and every write about an attempt carries the id of the claim under which the
 * attempt ran. A step that was cancelled, recovered, released or claimed again in the meantime has another claim id or none, so the
 * write changes nothing, and its worker learns that the claim is lost. Every statement that writes about a step in progress, and every
 * read for the handler of one, has this condition.
 */

/** How statements name the attempts that they are about. */
export const ATTEMPT = { task_id: 'bigint', workflow_step_id: 'bigint', claim_id: 'uuid' } as const;

/**
 * The step row `step` is in progress under the claim that the row `attempt` names (or the row `claim`, if the claim id is there). Found by
 * the primary key of the step.
 */
export const heldBy = (step: string, attempt: string, claim = attempt): string =>
  `${step}.task_id = ${attempt}.task_id AND ${step}.workflow_step_id = ${attempt}.workflow_step_id AND ${step}.claim_id = ${claim}.claim_id AND ${step}.in_process`;
