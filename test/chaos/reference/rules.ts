/**
 * The state machine again, written from its description and not from the engine's code: which transitions a history may contain. If
 * it and the engine disagree, one of them is wrong. `from -> to`: the causes that allow it.
 */
export type Rules = Readonly<Record<string, readonly string[]>>;

export const STEP_RULES: Rules = {
  // A worker claims it, runs it, and it succeeds or fails.
  'pending -> in_progress': ['claim'],
  'in_progress -> complete': ['complete'],
  'in_progress -> error': ['fail', 'timeout', 'lease_expired'],
  // Released at a shutdown, or its process crashed and it has attempts left.
  'in_progress -> pending': ['released', 'lease_expired'],
  // Its backoff is over, or an operator retries it.
  'error -> pending': ['retry_due', 'operator_retry'],
  // An operator resolves it; not allowed while it runs.
  'error -> resolved_manually': ['operator_resolve'],
  'pending -> resolved_manually': ['operator_resolve'],
  // Cancelling a task cancels its open steps.
  'pending -> cancelled': ['cancel'],
  'in_progress -> cancelled': ['cancel'],
  'error -> cancelled': ['cancel'],
  // Found by the migration from Tasker (Ruby).
  'pending -> error': ['unrunnable'],
};

export const TASK_RULES: Rules = {
  'pending -> in_progress': ['claim', 'operator_resolve'],
  'in_progress -> complete': ['complete', 'operator_resolve'],
  'in_progress -> error': ['step_blocked'],
  'error -> in_progress': ['operator_retry', 'operator_resolve'],
  'error -> resolved_manually': ['operator_resolve'],
  'pending -> cancelled': ['cancel'],
  'in_progress -> cancelled': ['cancel'],
};

/** States in which a parent satisfies its children. */
export const DONE: ReadonlySet<string> = new Set(['complete', 'resolved_manually']);
/** States in which no step of a cancelled task may be. */
export const OPEN: ReadonlySet<string> = new Set(['pending', 'in_progress', 'error']);
/** Causes of transitions that are written under the claim of the attempt. */
export const BY_THE_CLAIM: ReadonlySet<string> = new Set(['complete', 'fail', 'timeout', 'released', 'lease_expired']);
