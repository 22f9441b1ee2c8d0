import { isAboutValue, mayBeAboutValue, mayFitSmaller, sqlState } from '../../db/connections/sql-errors.ts';
import { parseAsJsonb } from '../../engine/complete.ts';
import { type Ended, NOTHING_RECORDED, type Recorded } from '../scope/outputs.ts';
import { statementFailed, type WorkerScope } from '../scope/worker-scope.ts';
import { type Batch, halvesOf } from './batch.ts';
import { storableOutcome } from './storable-outcome.ts';

/** What becomes of a batch whose write failed. */
export interface FailedWrite {
  /** To be written again. */
  readonly again: readonly Batch[];
  /** Nothing can be written at the moment, not even other outcomes. */
  readonly pause: boolean;
  /** The outcome that was given up, if one was. */
  readonly recorded: Recorded | undefined;
}

/**
 * Only if the database refused a value is an outcome given up, and only that one: of several, halves are tried until the
 * culprit is alone. After any other error the batch is kept.
 */
export async function failedWrite(
  scope: WorkerScope,
  what: string,
  batch: Batch,
  error: unknown,
): Promise<FailedWrite> {
  statementFailed(scope, what, error);
  if (!mayBeAboutValue(error)) return kept(batch, error);
  if (batch.members.length > 1) return writeAgain(halvesOf({ ...batch, failures: 0 }));
  const ended = batch.members[0] as Ended;
  if (!isAboutValue(error) && !(await isRefusedAlone(scope, ended, error))) return kept(batch, error);
  // What it may have claimed is adopted as an orphan.
  if (batch.unknown?.claimId !== undefined) scope.claims.responded(batch.unknown.claimId);
  return reworded(scope, ended, error);
}

/**
 * Keeps a batch, to be written again. If no statement could have succeeded everything waits and the batch stays whole.
 * Otherwise it is written as a whole once more, and after that in halves of halves, so that what can be written is.
 */
export function kept(batch: Batch, error: unknown): FailedWrite {
  if (!mayFitSmaller(error)) return { again: [{ ...batch, failures: 0 }], pause: true, recorded: undefined };
  const again = { ...batch, failures: batch.failures + 1 };
  return writeAgain(batch.failures > 0 && batch.members.length > 1 ? halvesOf(again) : [again]);
}

function writeAgain(again: readonly Batch[]): FailedWrite {
  return { again, pause: false, recorded: undefined };
}

/** The database refuses to store how this attempt ended: the step fails for good, with a reason that can be stored. */
function reworded(scope: WorkerScope, ended: Ended, error: unknown): FailedWrite {
  const outcome = storableOutcome(ended.outcome, error);
  if (outcome !== undefined) {
    return writeAgain([{ members: [{ ...ended, outcome }], failures: 0, unknown: undefined }]);
  }
  statementFailed(scope, 'give up an outcome', error);
  return { ...writeAgain([]), recorded: { ...NOTHING_RECORDED, ended: [ended], givenUp: true } };
}

/** Whether the value by itself is refused as its statement was. */
async function isRefusedAlone({ db }: WorkerScope, { outcome }: Ended, error: unknown): Promise<boolean> {
  if (outcome.kind === 'release') return false;
  try {
    await parseAsJsonb(db, outcome.kind === 'complete' ? outcome.result : outcome.metadata);
    return false;
  } catch (refusal) {
    return sqlState(refusal) === sqlState(error);
  }
}
