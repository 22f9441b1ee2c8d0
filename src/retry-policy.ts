/**
 * When a step is tried again: the numbers of the rule, which the SQL (db/statements/rules/retry.ts) and the settings take from here.
 * The database decides, by its own clock and its own random numbers. The functions are the same rule in TypeScript, for use
 * without a database; a property test holds both to the same windows.
 */

/** Attempts in all, the first included. */
export const DEFAULT_RETRY_LIMIT = 3;

/** The wait before the first retry is between half of this and this, unless the step has its own `backoff.initialSeconds`. */
export const DEFAULT_INITIAL_BACKOFF_SECONDS = 2;

/** The longest computed wait, unless the fleet's configuration or the step's `backoff.maxSeconds` has another. */
export const DEFAULT_BACKOFF_CAP_SECONDS = 30;

/**
 * The longest wait that a handler's `RetryableError(retryAfter)` gets, unless the fleet's configuration has another: a misread
 * Retry-After must not park a step for ever.
 */
export const MAX_REQUESTED_BACKOFF_SECONDS = 3600;

/** 2^30 s is 34 years; without the bound 2^1024 would be Infinity. */
export const MAX_BACKOFF_EXPONENT = 30;

/** Crashes of its process that cost a step no attempt. After this many it runs alone, in quarantine. */
export const MAX_UNCHARGED_CRASHES = 2;

export interface BackoffPolicy {
  /** Base of the first computed wait; default 2. */
  initialSeconds?: number | undefined;
  /** Cap of the computed wait; default 30. */
  maxSeconds?: number | undefined;
  /** The wait that the other side asked for, which replaces the computed one. */
  requestedSeconds?: number | undefined;
  /** Cap of that; default 3,600. */
  maxRequestedSeconds?: number | undefined;
  /** Retries are due at once, unless a wait was asked for. For tests. */
  disabled?: boolean | undefined;
}

/**
 * The wait after the `attempts`-th attempt failed, in seconds: anywhere in [base / 2, base], with base = initial * 2^(attempts - 1)
 * up to the cap: 1-2 s, 2-4 s, 4-8 s, 8-16 s, then 15-30 s. The spread keeps steps that failed together from coming back together.
 */
export function backoffWindowSeconds(attempts: number, policy: BackoffPolicy = {}): { min: number; max: number } {
  if (policy.disabled === true) return { min: 0, max: 0 };
  if (policy.requestedSeconds !== undefined) {
    const wait = capRequestedBackoff(policy.requestedSeconds, policy.maxRequestedSeconds);
    return { min: wait, max: wait };
  }
  const initial = policy.initialSeconds ?? DEFAULT_INITIAL_BACKOFF_SECONDS;
  const base = Math.min(
    initial * 2 ** (Math.min(attempts, MAX_BACKOFF_EXPONENT) - 1),
    policy.maxSeconds ?? Math.max(DEFAULT_BACKOFF_CAP_SECONDS, policy.initialSeconds ?? 0),
  );
  return { min: base / 2, max: base };
}

/** What another side asked for (a Retry-After header), within bounds. */
export function capRequestedBackoff(seconds: number, maxSeconds: number = MAX_REQUESTED_BACKOFF_SECONDS): number {
  return Number.isNaN(seconds) ? 0 : Math.min(Math.max(seconds, 0), maxSeconds);
}

/**
 * Whether another attempt may follow. The first is always allowed, if the limit has room for it; `retryable: false` allows
 * no other. `permanent`: the handler threw a PermanentError.
 */
export function canRetry(step: {
  attempts: number;
  retryLimit: number;
  retryable: boolean;
  permanent?: boolean | undefined;
}): boolean {
  if (step.attempts >= step.retryLimit || step.permanent === true) return false;
  return step.attempts === 0 || step.retryable;
}
