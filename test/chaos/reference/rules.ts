/**
 * The state machine once more, written from its description and not from the engine: what a history may say. Where this and
 * the engine disagree one of them is wrong, which is what it is for. `from -> to`: the causes that may bring it about.
 */
export type Rules = Readonly<Record<string, readonly string[]>>;

export const STEP_RULES: Rules = {
  // A worker takes it, runs it, and it ends well or badly.
  'pending -> in_progress': ['claim'],
  'in_progress -> complete': ['complete'],
  'in_progress -> error': ['fail', 'timeout', 'lease_expired'],
  // Given back at a shutdown, or its process died and it has attempts left.
  'in_progress -> pending': ['released', 'lease_expired'],
  // Its backoff is over, or an operator wants another attempt.
  'error -> pending': ['retry_due', 'operator_retry'],
  // An operator declares it done; nobody may while it runs.
  'error -> resolved_manually': ['operator_resolve'],
  'pending -> resolved_manually': ['operator_resolve'],
  // Cancelling a task cancels its open steps.
  'pending -> cancelled': ['cancel'],
  'in_progress -> cancelled': ['cancel'],
  'error -> cancelled': ['cancel'],
  // Found by the migration from the ancestor.
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

/** States in which a parent lets its children go on. */
export const DONE: ReadonlySet<string> = new Set(['complete', 'resolved_manually']);
/** States that a cancelled task leaves no step in. */
export const OPEN: ReadonlySet<string> = new Set(['pending', 'in_progress', 'error']);
/** Causes that only the holder of the claim can bring about, or somebody in its name. */
export const BY_THE_CLAIM: ReadonlySet<string> = new Set(['complete', 'fail', 'timeout', 'released', 'lease_expired']);
