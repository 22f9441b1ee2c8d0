import { isNotInEncoding, sqlState } from '../../db/connections/sql-errors.ts';
import type { Ended, Outcome } from '../scope/outputs.ts';
import type { StoredError } from '../../workflow/describe-thrown.ts';
import { fingerprintOfName } from '../../workflow/fingerprint.ts';

type Failed = Outcome & { kind: 'fail' };

const REFUSED =
  '{"error":{"name":"UnstorableResult","message":"the database refused to store the outcome of this attempt';

const FINGERPRINT_OF_REFUSED = fingerprintOfName('UnstorableResult');

/** Taken before any handler's code runs: a handler that replaces it must not keep other outcomes from being written. */
const { parse } = JSON;

/**
 * The outcome to record instead of one that the database refused to store. Undefined if there is none: it was refused like this
 * before, or it is a release, which has no value that could be replaced.
 */
export function storableOutcome(outcome: Ended['outcome'], error: unknown): Failed | undefined {
  return inFewerCharacters(outcome, error) ?? asRefused(outcome, error);
}

/** The step fails for good, with a reason that can be stored. */
function asRefused(outcome: Ended['outcome'], error: unknown): Failed | undefined {
  const refusedBefore = outcome.kind === 'fail' && outcome.metadata.startsWith(REFUSED);
  if (refusedBefore || outcome.kind === 'release') return undefined;
  const reason = (sqlState(error) ?? 'unknown').replaceAll(/[^0-9A-Za-z_]/g, '');
  return {
    kind: 'fail',
    cause: 'fail',
    permanent: true,
    requestedBackoffSeconds: undefined,
    ...withMetadata(`${REFUSED} (SQLSTATE ${reason})","fingerprint":"${FINGERPRINT_OF_REFUSED}"}}`),
  };
}

/**
 * The same failure in characters that any database has: for one whose encoding (LATIN1) lacks some of those in the texts. First
 * those beyond Latin-1 become question marks, and if that is refused too all beyond ASCII. Undefined if nothing is left to
 * replace, or the database refused it for another reason.
 */
function inFewerCharacters(outcome: Outcome, error: unknown): Failed | undefined {
  if (outcome.kind !== 'fail' || !isNotInEncoding(error)) return undefined;
  for (const foreign of [/[\u{100}-\u{10ffff}]/gu, /[\u{80}-\u{10ffff}]/gu]) {
    const metadata = outcome.metadata.replaceAll(foreign, '?');
    if (metadata !== outcome.metadata) return { ...outcome, ...withMetadata(metadata) };
  }
  return undefined;
}

function withMetadata(metadata: string): { error: StoredError; metadata: string } {
  return { ...(parse(metadata) as { error: StoredError }), metadata };
}
