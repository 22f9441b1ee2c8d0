import { isNotInEncoding } from '../../db/connections/sql-errors.ts';
import { taskerErrorCode } from '../../errors.ts';
import { readRetryAfter } from '../../errors/retry-after.ts';
import { describeThrown } from '../../workflow/describe-thrown.ts';
import { storableText } from '../../workflow/storable-text.ts';
import { toStorableJson } from '../../workflow/to-storable-json.ts';
import type { AbortCause } from './running-attempts.ts';
import type { StepType } from '../scope/handler-registry.ts';

const MAX_NOTE = 500;

/** Taken before any handler's code runs: one that replaces the global's methods must not keep others from being written. */
const { stringify } = JSON;

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
export function answeredOutcome(value: unknown, kind: StepType, maxResultBytes: number): Outcome {
  if (value === undefined || value === null) return COMPLETE_WITH_NOTHING;
  // Only children get it from memory, and must not see another text there than the one that is in the database.
  const asJsonb = kind.template.childOrdinals.length > 0;
  const storable = toStorableJson(value, { maxBytes: maxResultBytes, asJsonb });
  if (storable.ok) return { kind: 'complete', result: storable.json };
  return failure('fail', true, undefined, {
    name: 'UnstorableResult',
    message: `step "${kind.template.name}" returned a result that cannot be stored as JSON: ${storable.reason}`,
  });
}

/** The handler threw, or its code did where nobody could catch it. */
export function thrownOutcome(error: unknown, maxBackoffRequestSeconds: number): Outcome {
  // By code and not by class: a bundle of workflows has a copy of the classes of its own.
  const code = taskerErrorCode(error);
  const description = describeThrown(error);
  if (code !== 'RETRYABLE') return failure('fail', code === 'PERMANENT', undefined, description);
  const { seconds, problem } = requestedBackoff(error as object);
  return failure(
    'fail',
    false,
    seconds === undefined ? undefined : Math.min(seconds, maxBackoffRequestSeconds),
    problem === undefined ? description : { ...description, note: storableText(problem, MAX_NOTE) },
  );
}

/** What a RetryableError asks for, read as what it is: an object of another copy, perhaps another version, of this package. */
function requestedBackoff(error: object): { seconds: number | undefined; problem: string | undefined } {
  try {
    const { retryAfterSeconds, retryAfterProblem } = error as { [field: string]: unknown };
    const { seconds, problem } = readRetryAfter(retryAfterSeconds);
    return { seconds, problem: typeof retryAfterProblem === 'string' ? retryAfterProblem : problem };
  } catch {
    return { seconds: undefined, problem: 'retryAfter cannot be read: the computed backoff is used' };
  }
}

/** `error`: what the handler threw when it was asked to stop. */
export function abortedOutcome(cause: AbortCause, kind: StepType, error: unknown): Outcome {
  if (cause === 'drain') return RELEASED;
  if (cause === 'claim_lost') return ABANDONED;
  const thrown = error === undefined ? undefined : describeThrown(error).message;
  return failure('timeout', false, undefined, {
    name: 'StepTimeout',
    message: `step "${kind.template.name}" ran longer than its timeout of ${kind.timeoutMs / 1000} s${thrown === undefined ? '' : ` (${thrown})`}`,
  });
}

/**
 * The same failure in characters that any database has: for one whose encoding (LATIN1) lacks some of those in the texts. First
 * those beyond Latin-1 become question marks, and if that is refused too all beyond ASCII. Undefined where nothing is left to
 * replace, or the database refused it for another reason.
 */
export function inFewerCharacters(outcome: Outcome, error: unknown): (Outcome & { kind: 'fail' }) | undefined {
  if (outcome.kind !== 'fail' || !isNotInEncoding(error)) return undefined;
  for (const foreign of [/[\u{100}-\u{10ffff}]/gu, /[\u{80}-\u{10ffff}]/gu]) {
    const metadata = outcome.metadata.replaceAll(foreign, '?');
    if (metadata !== outcome.metadata) return { ...outcome, metadata };
  }
  return undefined;
}

function failure(
  cause: 'fail' | 'timeout',
  permanent: boolean,
  requestedBackoffSeconds: number | undefined,
  error: object,
): Outcome {
  return { kind: 'fail', cause, permanent, requestedBackoffSeconds, metadata: stringify({ error }) };
}
