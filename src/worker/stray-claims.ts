import type { Database } from '../db/database.ts';
import { adopt, type ClaimedStep } from '../engine/claim.ts';
import { claimsOf } from '../engine/workers.ts';

export interface StrayClaimsOptions {
  db: Database;
  /** Undefined while the process has no lease. */
  workerId: () => string | undefined;
  /** Whether steps of this claim run here, or its row is about to be removed. */
  isKnown: (claimId: string) => boolean;
  onFound: (steps: ClaimedStep[]) => void;
  /** Nothing of this claim is left to run. */
  onEmpty: (claimId: string) => void;
}

/**
 * Finds claims that the database has for this worker and the worker knows nothing of. One whose connection broke is asked for
 * at once, but a server that was still at work then may commit it later: its steps would wait for ever, for a worker that
 * lives. A claim counts as stray when two looks in a row find it.
 */
export class StrayClaims {
  private readonly options: StrayClaimsOptions;
  private suspects = new Set<string>();
  private readonly adopted = new Set<string>();

  constructor(options: StrayClaimsOptions) {
    this.options = options;
  }

  /** Steps of this claim have been run as strays: if its answer arrives after all, they must not run again. */
  wasAdopted(claimId: string): boolean {
    return this.adopted.has(claimId);
  }

  async look(): Promise<void> {
    const { db, isKnown } = this.options;
    const workerId = this.options.workerId();
    if (workerId === undefined) return;
    const unknown = (await claimsOf(db, workerId)).filter((claimId) => !isKnown(claimId));
    const strays = unknown.filter((claimId) => this.suspects.has(claimId));
    this.suspects = new Set(unknown);
    for (const claimId of strays) {
      const steps = await adopt(db, claimId);
      if (isKnown(claimId)) continue;
      if (steps.length === 0) {
        this.options.onEmpty(claimId);
        continue;
      }
      this.options.onFound(steps);
      this.adopted.add(claimId);
    }
  }
}
