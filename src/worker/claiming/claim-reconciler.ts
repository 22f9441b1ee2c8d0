import type { Database } from '../../db/connections/database.ts';
import type { ClaimedStep } from '../../engine/claim.ts';
import { adopt, claimsOf, lostClaims } from '../../engine/claims.ts';
import { recoverClaims, type RecoverOutcome } from '../../engine/recover.ts';
import type { ClaimLedger } from '../scope/claim-ledger.ts';
import type { RunningAttempts } from '../running/running-attempts.ts';

const INTERVAL_MS = 2000;
/** Rounds between two looks for strays while there is no reason to expect any. */
const RESTING_ROUNDS = 5;
/** Rounds in which strays are expected after a statement failed. */
const SUSPICIOUS_ROUNDS = 30;

export interface ClaimReconcilerOptions {
  db: Database;
  claims: ClaimLedger;
  running: RunningAttempts;
  /** Undefined while the process has no lease. */
  workerId: () => string | undefined;
  /** Steps of a claim that was taken up. */
  onFound: (steps: ClaimedStep[]) => void;
  /** Steps whose outcome had to be given up are back in their queue, or in error. */
  onRecovered: (outcome: RecoverOutcome) => void;
  onError: (what: string, error: unknown) => void;
}

/**
 * Compares claims with the database every two seconds: does it still count as ours what has been running here for so long, and
 * does it count as ours what we have never heard of? The latter only now and then while nothing runs here and nothing failed.
 */
export class ClaimReconciler {
  private readonly options: ClaimReconcilerOptions;
  private timer: NodeJS.Timeout | undefined;
  private round = 0;
  private lookedAt = 0;
  private suspectUntil = 0;

  constructor(options: ClaimReconcilerOptions) {
    this.options = options;
  }

  start(): void {
    this.timer ??= setInterval(() => {
      this.round += 1;
      void this.abortLost();
      const { claims } = this.options;
      void this.recoverLeft();
      if (claims.any || this.round <= this.suspectUntil || this.round - this.lookedAt >= RESTING_ROUNDS)
        void this.adoptStrays();
    }, INTERVAL_MS).unref();
  }

  /** Whoever asks the database anyway may ask for strays as well: then this does not do so on its own. */
  get due(): boolean {
    return this.round - this.lookedAt >= RESTING_ROUNDS - 2;
  }

  /** Somebody did, and there were none. */
  looked(): void {
    this.lookedAt = this.round;
  }

  /** A statement failed: it may have claimed, or do so later. */
  suspect(): void {
    this.suspectUntil = this.round + SUSPICIOUS_ROUNDS;
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /**
   * Takes up claims whose answer never came. The look that follows a broken connection is not enough: the statement may
   * commit after it, in a server that was slow, frozen, or waiting for its standby. Nobody would ever run those steps,
   * because their worker lives.
   */
  async adoptStrays(): Promise<void> {
    const { db, claims, onFound, onError } = this.options;
    const workerId = this.options.workerId();
    if (workerId === undefined) return;
    this.lookedAt = this.round;
    try {
      for (const claimId of await claimsOf(db, workerId, claims.known())) {
        // Made, or answered, after the question was asked.
        if (claims.isKnown(claimId)) continue;
        const steps = await adopt(db, claimId);
        if (steps.length === 0) claims.forget(claimId);
        else if (!claims.isKnown(claimId)) onFound(steps);
      }
    } catch (error) {
      // Where this failed others may have, and what it was to find is still there.
      this.suspect();
      onError('adopt stray claims', error);
    }
  }

  /** Nobody else would: their worker lives. Its end, or that of the process, leaves them to a scheduler. */
  async recoverLeft(): Promise<void> {
    const { db, claims, onError, onRecovered } = this.options;
    const left = claims.leftBehind();
    if (left.length === 0) return;
    try {
      const { outcome, closed } = await recoverClaims(db, left);
      claims.recovered(closed);
      onRecovered(outcome);
    } catch (error) {
      onError('recover steps whose outcome was refused', error);
    }
  }

  private async abortLost(): Promise<void> {
    const { db, running, onError } = this.options;
    try {
      const lost = await lostClaims(db, running.claims(INTERVAL_MS));
      if (lost.length > 0) running.abortSteps(lost, 'claim_lost');
    } catch (error) {
      onError('check claims', error);
    }
  }
}
