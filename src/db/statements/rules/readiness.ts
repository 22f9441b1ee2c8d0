/**
 * When a step is ready. A step may be claimed if and only if its `ready_at` is set: the view tasker_step_readiness_statuses, the
 * index steps_ready and every poll read that column alone. It is the time since which the step waits, and its place in the queue
 * among the steps of its priority.
 *
 * Set by
 *   submitTasks                  for roots (`readyAtSubmit`)
 *   completeStatement            for a child whose last open parent completes (`becomesReady`), unless the same statement claims it
 *   unlockChildren               for a child whose last open parent is resolved by an operator (`becomesReady`)
 *   enqueueDueSteps              for a step whose backoff is over
 *   retrySteps                   for a step that an operator retries (`readyIfUnlocked`)
 *   releaseSteps                 for a step that its worker gives back
 *   releaseHeld                  for a step that an operator takes from its worker (`readyIfUnlocked`)
 *   recoverSteps, recoverClaimed for a step whose process died, or gave up writing the outcome, if it is tried again (retry.ts)
 * Cleared by
 *   claimStatement, completeStatement   when a worker takes the step
 *   cancelOpenSteps                     with its task
 *   resolveSteps                        when an operator declares the step done
 * Left alone by promoteSteps, which changes the priority of steps that have waited for long. The mends of the doctor restore it by the
 * same rules, in texts of their own: the doctor shares no code with what it checks.
 */

/**
 * The child `step` becomes ready, now that `parents_done` of its parents, in the row `unlocking`, are done. Every other column is of the
 * row that the UPDATE holds, none of an older snapshot.
 */
export const becomesReady = (step: string, unlocking: string): string =>
  `${step}.state = 'pending' AND ${step}.unmet_parents = ${unlocking}.parents_done AND ${step}.attempts < ${step}.retry_limit`;

/** A new step made from this template is ready from the start: it is a root, and may be tried at all. */
export const readyAtSubmit = (template: string): string =>
  `cardinality(${template}.parents) = 0 AND ${template}.default_retry_limit > 0`;

/** The `ready_at` of a step that goes back to its queue: now, unless parents of it are open (of an inherited step they may be). */
export const readyIfUnlocked = (step: string): string =>
  `CASE WHEN ${step}.unmet_parents = 0 THEN clock_timestamp() END`;
