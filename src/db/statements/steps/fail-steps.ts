import { defineStatement, rows } from '../../statement.ts';
import { withCtes } from '../ctes.ts';
import { ATTEMPT, heldBy } from '../rules/claim-fence.ts';
import { stepHistory, TASK_RANGE, TASKS_OF_BATCH } from '../rules/history.ts';
import { backoffSeconds, isExhausted, mayRetry } from '../rules/retry.ts';

export interface FailedStepRow {
  task_id: string;
  workflow_step_id: string;
  attempts: number;
  /** Null if no retry will come: the step is blocked. */
  next_retry_at: Date | null;
}

/** MATERIALIZED, so that the arrays are read once. */
const INPUT = `input AS MATERIALIZED (
  SELECT i.*
  FROM :steps AS i
)`;

/** The attempts that the worker still holds. */
const FAILED = `failed AS (
  UPDATE tasker.tasker_workflow_steps s
  SET state = 'error',
      in_process = false,
      claim_id = NULL,
      claimed_by = NULL,
      sort_key = s.sort_key + 1,
      backoff_request_seconds = ceil(i.requested_seconds)::integer,
      next_retry_at = CASE WHEN ${mayRetry('s', 'i')} THEN
        clock_timestamp() + make_interval(secs => ${backoffSeconds('s', 'i', ':backoff_factor')}) END,
      blocked_at = CASE WHEN ${isExhausted('s', 'i')} THEN clock_timestamp() END
  FROM input i
  WHERE ${heldBy('s', 'i')}
  RETURNING s.task_id, s.workflow_step_id, s.attempts, s.next_retry_at, s.sort_key, i.claim_id, i.cause, i.metadata
)`;

const FAILED_HISTORY = stepHistory({
  source: 'failed',
  from: `'in_progress'`,
  to: `'error'`,
  cause: 'r.cause',
  claimId: 'r.claim_id',
  workerId: ':worker_id',
  metadata: 'r.metadata',
  tasks: TASKS_OF_BATCH,
});

/**
 * Ends attempts in `error`, each with the time of its next retry or blocked (rules/retry.ts). `cause`: fail or timeout. `metadata`: the
 * error. `backoff_factor`: of the computed backoff; 1, or 0 if backoff is switched off.
 */
export const failSteps = defineStatement<FailedStepRow>()({
  name: 'fail_steps',
  params: {
    steps: rows({
      ...ATTEMPT,
      permanent: 'boolean',
      /** The wait that the other side asked for; null: computed. */
      requested_seconds: 'float8 | null',
      cap_seconds: 'float8',
      cause: 'text',
      metadata: 'jsonb',
      /** Base of the first computed backoff. */
      initial_seconds: 'float8',
    }),
    ...TASK_RANGE,
    worker_id: 'bigint',
    backoff_factor: 'float8',
  },
  text: withCtes(
    [INPUT, FAILED, FAILED_HISTORY],
    `SELECT task_id, workflow_step_id, attempts, next_retry_at FROM failed`,
  ),
});
