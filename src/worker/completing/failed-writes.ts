import { isAboutValue, mayBeAboutValue, mayFitSmaller, sqlState } from '../../db/connections/sql-errors.ts';
import { adopt, endedAttempts } from '../../engine/claims.ts';
import { storeNowhere } from '../../engine/complete.ts';
import { claimOf, type Ended, type CompleterOptions, type Told } from './completer-options.ts';
import type { Batch, KeptOutcomes } from './kept-outcomes.ts';
import { inFewerCharacters, type Outcome } from '../running/outcome.ts';

const REFUSED =
  '{"error":{"name":"UnstorableResult","message":"the database refused to store the outcome of this attempt';

const GIVEN_UP: Told = { lost: true, givenUp: true };
const WRITTEN: Told = { lost: false };

/** Decides what becomes of outcomes whose write failed. */
export class FailedWrites {
  private readonly options: CompleterOptions;
  private readonly kept: KeptOutcomes;
  private readonly pause: () => void;

  /** `pause`: nothing can be written at the moment, not even other outcomes. */
  constructor(options: CompleterOptions, kept: KeptOutcomes, pause: () => void) {
    this.options = options;
    this.kept = kept;
    this.pause = pause;
  }

  /**
   * Only if the database refused a value is an outcome given up, and only that one: of several, halves are tried until the
   * culprit is alone. After any other error the batch is kept.
   */
  async after(what: string, batch: Batch, error: unknown): Promise<void> {
    this.options.onError(what, error);
    if (!mayBeAboutValue(error)) return this.keep(batch, error);
    if (batch.members.length > 1) return this.kept.addHalves({ ...batch, failures: 0 });
    const ended = batch.members[0] as Ended;
    if (!isAboutValue(error) && !(await this.isRefusedAlone(ended, error))) return this.keep(batch, error);
    // What it may have claimed is adopted as a stray.
    if (batch.unknown?.claimId !== undefined) this.options.claims.answered(batch.unknown.claimId);
    this.putBackRefused(ended, error);
  }

  /**
   * The members of a batch that did not end when it was written before; takes up the children that it claimed. None if the
   * database could not be asked: then the batch is kept.
   */
  async withoutEnded(batch: Batch): Promise<readonly Ended[]> {
    const { options } = this;
    const { members, unknown } = batch;
    try {
      const known = await endedAttempts(options.db, members.map(claimOf));
      const claimId = unknown?.claimId;
      if (claimId !== undefined) {
        const claimed = known.size > 0 ? await adopt(options.db, claimId) : [];
        if (claimed.length > 0) options.onClaimed(claimed, 0);
        options.claims.answered(claimId);
      }
      for (const ended of members) if (known.has(ended.step.stepId)) options.onTold(ended, WRITTEN);
      return members.filter((ended) => !known.has(ended.step.stepId));
    } catch (error) {
      options.onError('find out what was written', error);
      this.keep(batch, error);
      return [];
    }
  }

  /**
   * Keeps a batch, to be written again. If no statement could have succeeded everything waits and the batch stays whole.
   * Otherwise it is written as a whole once more, and after that in halves of halves, so that what can be written is.
   */
  private keep(batch: Batch, error: unknown): void {
    if (!mayFitSmaller(error)) {
      this.kept.add({ ...batch, failures: 0 });
      this.pause();
      return;
    }
    const again = { ...batch, failures: batch.failures + 1 };
    if (batch.failures > 0 && batch.members.length > 1) this.kept.addHalves(again);
    else this.kept.add(again);
  }

  /** The database will not store how this attempt ended: the step fails for good, with a reason that can be stored. */
  private putBackRefused(ended: Ended, error: unknown): void {
    const reworded = inFewerCharacters(ended.outcome, error);
    if (reworded !== undefined) {
      this.kept.add({ members: [{ ...ended, outcome: reworded }], failures: 0, unknown: undefined });
      return;
    }
    const refusedBefore = ended.outcome.kind === 'fail' && ended.outcome.metadata.startsWith(REFUSED);
    if (refusedBefore || ended.outcome.kind === 'release') {
      this.options.onError('give up an outcome', error);
      this.options.onTold(ended, GIVEN_UP);
      return;
    }
    const reason = sqlState(error) ?? 'unknown';
    const metadata = `${REFUSED} (SQLSTATE ${reason.replaceAll(/[^0-9A-Za-z_]/g, '')})"}}`;
    const outcome: Outcome = {
      kind: 'fail',
      cause: 'fail',
      permanent: true,
      requestedBackoffSeconds: undefined,
      metadata,
    };
    this.kept.add({ members: [{ ...ended, outcome }], failures: 0, unknown: undefined });
  }

  /** Whether the value by itself is refused as its statement was. */
  private async isRefusedAlone({ outcome }: Ended, error: unknown): Promise<boolean> {
    if (outcome.kind === 'release') return false;
    try {
      await storeNowhere(this.options.db, outcome.kind === 'complete' ? outcome.result : outcome.metadata);
      return false;
    } catch (refusal) {
      return sqlState(refusal) === sqlState(error);
    }
  }
}
