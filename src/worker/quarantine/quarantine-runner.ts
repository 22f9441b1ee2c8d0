import { randomUUID } from 'node:crypto';
import type { Database } from '../../db/connections/database.ts';
import { claim, type ClaimedStep } from '../../engine/claim.ts';
import type { ClaimLedger } from '../scope/claim-ledger.ts';
import type { Slots } from '../scope/slots.ts';

/** Runs quarantined steps in the worker itself, where no process of its own can be started for them: no two of them at once. */
export class QuarantineRunner {
  private readonly options: {
    db: Database;
    slots: Slots;
    claims: ClaimLedger;
    namedTaskIds: () => readonly number[];
    /** Undefined while nothing may be claimed. */
    workerId: () => string | undefined;
    onClaimed: (steps: ClaimedStep[]) => void;
  };
  private claimId = '';

  constructor(options: QuarantineRunner['options']) {
    this.options = options;
  }

  /** Claims one step of the quarantine queue, unless the one before it still runs. */
  async run(queue: string): Promise<void> {
    const { db, slots, claims, namedTaskIds } = this.options;
    const workerId = this.options.workerId();
    if (workerId === undefined || claims.isOpen(this.claimId)) return;
    const granted = slots.reserve(1);
    if (granted === 0) return;
    const claimId = randomUUID();
    claims.asking(claimId);
    // Also if the answer never comes: what it claimed is adopted then, and counts as the one step.
    this.claimId = claimId;
    try {
      const steps = await claim(db, { workerId, queue, namedTaskIds: namedTaskIds(), limit: 1, claimId });
      this.options.onClaimed(steps);
    } finally {
      claims.answered(claimId);
      slots.unreserve(granted);
    }
  }
}
