import { taskerErrorCode } from '../../errors.ts';
import { readRetryAfter } from '../../errors/retry-after.ts';
import { capRequestedBackoff } from '../../retry-policy.ts';
import { describeThrown } from '../../workflow/describe-thrown.ts';
import { fingerprintOf, fingerprintOfName } from '../../workflow/fingerprint.ts';
import { storableText } from '../../workflow/storable-text.ts';
import { toStorableJson } from '../../workflow/to-storable-json.ts';
import type { AbortCause } from './step-aborted.ts';
import type { StepType } from '../scope/handler-registry.ts';
import type { Outcome } from '../scope/outputs.ts';
import type { StoredError } from '../../workflow/describe-thrown.ts';

const MAX_NOTE = 500;

/** Taken before any handler's code runs: a handler that replaces the global's methods must not keep other outcomes from being written. */
const { stringify } = JSON;

export const RELEASED: Outcome & { kind: 'release' } = { kind: 'release' };
const ABANDONED: Outcome = { kind: 'abandoned' };
/** Of a handler that returns nothing, and of a bypassed step. */
export const COMPLETE_WITH_NOTHING: Outcome = { kind: 'complete', result: 'null' };

/** The handler returned. */
export function returnedOutcome(value: unknown, type: StepType, maxResultBytes: number): Outcome {
  if (value === undefined || value === null) return COMPLETE_WITH_NOTHING;
  // Only children get it from memory, and must see the same text there as in the database.
  const asJsonb = type.template.childOrdinals.length > 0;
  const storable = toStorableJson(value, { maxBytes: maxResultBytes, asJsonb });
  if (storable.ok) return { kind: 'complete', result: storable.json };
  return failure('fail', true, undefined, {
    name: 'UnstorableResult',
    message: `step "${type.template.name}" returned a result that cannot be stored as JSON: ${storable.reason}`,
  });
}

/** The handler threw, or its code threw an error that could not be caught. */
export function thrownOutcome(error: unknown, maxBackoffRequestSeconds: number): Outcome {
  // By code and not by class: a bundle of workflows has a copy of the classes of its own.
  const code = taskerErrorCode(error);
  const description = describeThrown(error);
  if (code !== 'RETRYABLE') return failure('fail', code === 'PERMANENT', undefined, description);
  const { seconds, problem } = requestedBackoff(error as object);
  return failure(
    'fail',
    false,
    seconds === undefined ? undefined : capRequestedBackoff(seconds, maxBackoffRequestSeconds),
    problem === undefined ? description : { ...description, note: storableText(problem, MAX_NOTE) },
  );
}

/** The wait that a RetryableError requests, read as what it is: an object of another copy, perhaps another version, of this package. */
function requestedBackoff(error: object): { seconds: number | undefined; problem: string | undefined } {
  try {
    const { retryAfterSeconds, retryAfterProblem } = error as { [field: string]: unknown };
    const { seconds, problem } = readRetryAfter(retryAfterSeconds);
    return { seconds, problem: typeof retryAfterProblem === 'string' ? retryAfterProblem : problem };
  } catch {
    return { seconds: undefined, problem: 'retryAfter cannot be read: the computed backoff is used' };
  }
}

/** `error`: what the handler threw when it was aborted. */
export function abortedOutcome(cause: AbortCause, type: StepType, error: unknown): Outcome {
  if (cause === 'drain') return RELEASED;
  if (cause === 'claim_lost') return ABANDONED;
  const thrown = error === undefined ? undefined : describeThrown(error).message;
  return failure('timeout', false, undefined, {
    name: 'StepTimeout',
    message: `step "${type.template.name}" ran longer than its timeout of ${type.timeoutMs / 1000} s${thrown === undefined ? '' : ` (${thrown})`}`,
  });
}

function failure(
  cause: 'fail' | 'timeout',
  permanent: boolean,
  requestedBackoffSeconds: number | undefined,
  described: StoredError,
): Outcome {
  const fingerprint = cause === 'timeout' ? fingerprintOfName(described.name) : fingerprintOf(described);
  const error: StoredError = fingerprint === undefined ? described : { ...described, fingerprint };
  return { kind: 'fail', cause, permanent, requestedBackoffSeconds, error, metadata: stringify({ error }) };
}
