/**
 * The fence of a claim. Every claim has an id of its own, and whatever is written about an attempt carries the id of the claim under
 * which it ran. A step that was claimed again since, cancelled, recovered or released has another claim id or none, so the
 * write changes nothing and the attempt counts as lost. Whoever writes about a running step uses this condition.
 */

/** How statements name the attempts that they are about. */
export const ATTEMPT = { task_id: 'bigint', workflow_step_id: 'bigint', claim_id: 'uuid' } as const;

/** Step row `step` is in progress under the claim that row `attempt` names; found by its primary key. */
export const heldBy = (step: string, attempt: string): string =>
  `${step}.task_id = ${attempt}.task_id AND ${step}.workflow_step_id = ${attempt}.workflow_step_id AND ${step}.claim_id = ${attempt}.claim_id AND ${step}.in_process`;
