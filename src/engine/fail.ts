import type { Database } from '../db/connections/database.ts';
import { failSteps } from '../db/statements/steps/fail-steps.ts';
import { DEFAULT_INITIAL_BACKOFF_SECONDS } from '../retry-policy.ts';
import { attemptRow, type StepClaim } from './claim.ts';
import { byKey, taskRange } from './lock-order.ts';
import { finalize } from './finalize.ts';

export interface Failure extends StepClaim {
  /** No retry, whatever attempts are left. */
  permanent: boolean;
  /** The wait that the other side asked for (Retry-After), already capped; replaces the computed backoff. */
  requestedBackoffSeconds?: number | undefined;
  backoffCapSeconds: number;
  /** Base of the first computed wait; default 2. */
  backoffInitialSeconds?: number | undefined;
  cause: 'fail' | 'timeout';
  /** JSON text kept with the transition: { error: { name, message, ... } }. */
  metadata: string;
}

/** What follows a failed attempt. `blocked`: no attempts are left, or the error is permanent. */
export type Retry = { readonly retryAt: Date } | 'blocked';

export interface FailOutcome {
  lost: string[];
  /** By step id; a step whose claim was lost is absent. */
  failed: Map<string, Retry>;
  erroredTasks: string[];
}

/** Ends attempts in `error`: with a time for the next attempt, or blocked, and then finalizes the task. */
export async function fail(
  db: Database,
  request: { workerId: string; failures: readonly Failure[]; backoffDisabled?: boolean },
): Promise<FailOutcome> {
  const batch = byKey(request.failures);
  const rows = await db.run(failSteps, {
    steps: batch.map(failureRow),
    ...taskRange(batch),
    worker_id: request.workerId,
    backoff_factor: request.backoffDisabled === true ? 0 : 1,
  });
  const failed = new Map<string, Retry>(
    rows.map((row) => [row.workflow_step_id, row.next_retry_at === null ? 'blocked' : { retryAt: row.next_retry_at }]),
  );
  const blockedTasks = [...new Set(rows.filter((row) => row.next_retry_at === null).map((row) => row.task_id))];
  return {
    lost: batch.filter((step) => !failed.has(step.stepId)).map((step) => step.stepId),
    failed,
    // A crash between the two transactions leaves a task unfinalized: the scheduler's sweep finds it.
    erroredTasks: blockedTasks.length === 0 ? [] : await finalize(db, blockedTasks),
  };
}

function failureRow(step: Failure) {
  return {
    ...attemptRow(step),
    permanent: step.permanent,
    requested_seconds: step.requestedBackoffSeconds,
    cap_seconds: step.backoffCapSeconds,
    cause: step.cause,
    metadata: step.metadata,
    initial_seconds: step.backoffInitialSeconds ?? DEFAULT_INITIAL_BACKOFF_SECONDS,
  };
}
