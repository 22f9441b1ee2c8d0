import { MAX_BACKOFF_EXPONENT, MAX_UNCHARGED_CRASHES } from '../../../retry-policy.ts';
import { sameTask } from './same-task.ts';

/**
 * Whether and when a step is tried again. An attempt ends without a result if its handler failed (`fail_steps`) or its
 * process died (`recover_steps`). In both cases the database decides, once, by its own clock and its own random numbers.
 *
 * `step` is the row of the step, whose `attempts` include the one that ended.
 */

/**
 * A failed step is tried again. `failure`: a row with `permanent`, true if the handler threw a PermanentError. If this is false
 * the step is blocked (`isExhausted`): it waits for an operator.
 */
export const mayRetry = (step: string, failure: string): string =>
  `NOT ${failure}.permanent AND ${step}.retryable AND ${step}.attempts < ${step}.retry_limit`;

export const isExhausted = (step: string, failure: string): string =>
  `${failure}.permanent OR NOT ${step}.retryable OR ${step}.attempts >= ${step}.retry_limit`;

/**
 * The wait before the next attempt, in seconds: what the other side asked for, or uniform in [base / 2, base] with
 * base = min(initial * 2^(attempts - 1), cap). `failure`: a row with requested_seconds (null: computed), initial_seconds and
 * cap_seconds. `factor`: 1, or 0 if every retry comes at once. `backoffWindowSeconds` is the same in TypeScript.
 */
export const backoffSeconds = (step: string, failure: string, factor: string): string => `${factor} * coalesce(
          ${failure}.requested_seconds, least(${failure}.initial_seconds * power(2, least(${step}.attempts, ${MAX_BACKOFF_EXPONENT}) - 1), ${failure}.cap_seconds) * (0.5 + random() / 2))`;

/** The key, in the metadata of a transition, of a crash that was not charged. Stored, so its name is a contract. */
export const UNCHARGED_KEY = 'pardoned';

/**
 * The crashes of a step so far, from its history: `crashes`, and of them `uncharged`. `step`: a row with the key. Reads the few
 * rows of the step's history by the primary key.
 */
export const crashesOf = (step: string): string => `
    SELECT count(*)::integer AS crashes, (count(*) FILTER (WHERE t.metadata -> '${UNCHARGED_KEY}' = 'true'))::integer AS uncharged
    FROM tasker.tasker_workflow_step_transitions t
    WHERE ${sameTask('t.task_id', `${step}.task_id`)} AND t.workflow_step_id = ${step}.workflow_step_id AND t.cause = 'lease_expired'
  `;

/**
 * This crash costs the step no attempt: other steps ran in the same process (`shared`), any of which may have killed it. The step
 * gets one attempt more (its retry_limit grows), at most MAX_UNCHARGED_CRASHES times. A step that may run only once (not retryable, or
 * with a limit of 1 when it was made) is charged, because it may not run again. `before`: the crashes before this one.
 */
export const isUncharged = (step: string, before: string): string =>
  `${step}.shared AND ${step}.retryable AND ${step}.retry_limit - ${before}.uncharged > 1 AND ${before}.uncharged < ${MAX_UNCHARGED_CRASHES}`;

/**
 * A step whose process died is not tried again. It was charged, and has no attempt left; or it ran alone (in quarantine), so that it
 * is the one that killed its process, and its crashes are as many as its limit had attempts. `record`: the step with its crashes,
 * this one included, and whether this one is uncharged.
 */
export const isExhaustedByCrash = (record: string): string =>
  `NOT ${record}.is_uncharged AND (NOT ${record}.retryable OR ${record}.attempts >= ${record}.retry_limit
      OR (NOT ${record}.shared AND ${record}.crashes >= ${record}.retry_limit - ${record}.uncharged))`;
