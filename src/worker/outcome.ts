import { PermanentError, RetryableError } from '../errors.ts';
import { describeThrown, toStorableJson } from '../workflow/storable.ts';
import type { AbortCause } from './running-steps.ts';
import type { StepKind } from './step-catalogue.ts';

export type Outcome =
  | { kind: 'complete'; result: string }
  | {
      kind: 'fail';
      cause: 'fail' | 'timeout';
      permanent: boolean;
      requestedBackoffSeconds: number | undefined;
      metadata: string;
    }
  /** Aborted by a drain: the attempt is given back. */
  | { kind: 'release' }
  /** Taken away by the database: nothing may be written. */
  | { kind: 'abandoned' };

export const RELEASED: Outcome & { kind: 'release' } = { kind: 'release' };
const ABANDONED: Outcome = { kind: 'abandoned' };
/** What a handler that answers nothing completes with, and a step that its task does without. */
export const COMPLETE_WITH_NOTHING: Outcome = { kind: 'complete', result: 'null' };

/** The handler answered. */
export function answeredOutcome(value: unknown, kind: StepKind, maxResultBytes: number): Outcome {
  if (value === undefined || value === null) return COMPLETE_WITH_NOTHING;
  const storable = toStorableJson(value, { maxBytes: maxResultBytes });
  if (storable.ok) return { kind: 'complete', result: storable.json };
  return failure('fail', true, undefined, {
    name: 'UnstorableResult',
    message: `step "${kind.template.name}" returned a result that cannot be stored as JSON: ${storable.reason}`,
  });
}

/** The handler threw, or its code did where nobody could catch it. */
export function thrownOutcome(error: unknown, maxBackoffRequestSeconds: number): Outcome {
  const requested = error instanceof RetryableError ? error.retryAfterSeconds : undefined;
  return failure(
    'fail',
    error instanceof PermanentError,
    requested === undefined ? undefined : Math.min(requested, maxBackoffRequestSeconds),
    describeThrown(error),
  );
}

/** `error`: what the handler threw when it was asked to stop. */
export function abortedOutcome(cause: AbortCause, kind: StepKind, error: unknown): Outcome {
  if (cause === 'drain') return RELEASED;
  if (cause === 'claim_lost') return ABANDONED;
  const thrown = error === undefined ? undefined : describeThrown(error).message;
  return failure('timeout', false, undefined, {
    name: 'StepTimeout',
    message: `step "${kind.template.name}" ran longer than its timeout of ${kind.timeoutMs / 1000} s${thrown === undefined ? '' : ` (${thrown})`}`,
  });
}

function failure(
  cause: 'fail' | 'timeout',
  permanent: boolean,
  requestedBackoffSeconds: number | undefined,
  error: object,
): Outcome {
  return { kind: 'fail', cause, permanent, requestedBackoffSeconds, metadata: JSON.stringify({ error }) };
}
