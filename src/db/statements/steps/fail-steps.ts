import { statement } from '../../statement.ts';
import { stepHistory } from '../rules/history.ts';

export interface FailedStepRow {
  task_id: string;
  workflow_step_id: string;
  attempts: number;
  /** Null where no retry will come: the step is blocked. */
  next_retry_at: Date | null;
}

/**
 * Ends attempts in `error`. Parameters (arrays, one entry per step): task ids, step ids, claim ids, permanent, requested
 * backoff in seconds (null: computed), backoff cap in seconds, cause, metadata (the error as JSON); then the worker id, a
 * factor for the computed backoff (1, or 0 if backoff is switched off), and, again by step, the base of the first backoff in seconds.
 *
 * The time of the next retry is decided here, once, by the database clock: uniform in [base/2, base] with
 * base = min(initial * 2^(attempts - 1), cap) seconds. Without attempts left, or not retryable, or permanent: blocked.
 */
export const failSteps = statement<FailedStepRow>(
  'fail_steps',
  `
WITH input AS MATERIALIZED (
  SELECT i.*
  FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::boolean[], $5::float8[], $6::float8[], $7::text[], $8::jsonb[],
      $11::float8[])
    AS i (task_id, workflow_step_id, claim_id, permanent, requested_seconds, cap_seconds, cause, metadata, initial_seconds)
), failed AS (
  UPDATE tasker.tasker_workflow_steps s
  SET state = 'error',
      in_process = false,
      claim_id = NULL,
      claimed_by = NULL,
      sort_key = s.sort_key + 1,
      backoff_request_seconds = ceil(i.requested_seconds)::integer,
      next_retry_at = CASE WHEN NOT i.permanent AND s.retryable AND s.attempts < s.retry_limit THEN
        clock_timestamp() + make_interval(secs => coalesce(
          i.requested_seconds, least(i.initial_seconds * power(2, least(s.attempts, 30) - 1), i.cap_seconds) * (0.5 + random() / 2) * $10)) END,
      blocked_at = CASE WHEN i.permanent OR NOT s.retryable OR s.attempts >= s.retry_limit THEN clock_timestamp() END
  FROM input i
  WHERE s.task_id = i.task_id AND s.workflow_step_id = i.workflow_step_id AND s.claim_id = i.claim_id AND s.in_process
  RETURNING s.task_id, s.workflow_step_id, s.attempts, s.next_retry_at, s.sort_key, i.claim_id, i.cause, i.metadata
), ${stepHistory({
    source: 'failed',
    from: `'in_progress'`,
    to: `'error'`,
    cause: 'r.cause',
    claimId: 'r.claim_id',
    workerId: '$9',
    metadata: 'r.metadata',
  })}
SELECT task_id, workflow_step_id, attempts, next_retry_at FROM failed`,
);
