import { randomUUID } from 'node:crypto';

/** At most two completions and one claim are in flight. */
const MAX_TAKEN_LISTS = 4;

/**
 * What the worker has in memory about its claims: how many steps of each have not ended here. A claim whose last step ended can be
 * deleted from the database. A claim that the database has under our id and that is not in the ledger is an orphan: the response of
 * the statement that made it never arrived.
 */
export class ClaimLedger {
  private readonly underWay = new Set<string>();
  private readonly open = new Map<string, number>();
  private closed: string[] = [];
  /** Claims with a step that ended here without a write. */
  private readonly unsure = new Set<string>();
  /** Lists that `takeClosed` returned last: their statements may not have been sent yet. */
  private readonly taken: string[][] = [];
  /** Claims with a step whose outcome was given up: their records stay until recovery has found the step. */
  private readonly left = new Set<string>();
  private orphansExpected = false;

  /** A statement is about to be sent that may make a claim; returns the claim's id. */
  requested(): string {
    const claimId = randomUUID();
    this.underWay.add(claimId);
    return claimId;
  }

  /** The response arrived, or is not waited for any more; what was claimed is `opened` by now. */
  responded(claimId: string): void {
    this.underWay.delete(claimId);
  }

  /** Every claim of which the worker may have newer information than the database. */
  known(): string[] {
    return [...this.underWay, ...this.open.keys(), ...this.closed, ...this.left];
  }

  /** Whether there are claims to delete from the database. */
  get anyClosed(): boolean {
    return this.closed.length > 0;
  }

  /** Whether steps run here. */
  get anyOpen(): boolean {
    return this.open.size > 0;
  }

  isKnown(claimId: string): boolean {
    return this.underWay.has(claimId) || this.open.has(claimId) || this.left.has(claimId);
  }

  isOpen(claimId: string): boolean {
    return this.open.has(claimId);
  }

  opened(claimId: string, steps: number): void {
    if (steps > 0) this.open.set(claimId, (this.open.get(claimId) ?? 0) + steps);
  }

  /** Call when the database has the end of one step of the claim. */
  stepEnded(claimId: string): void {
    const left = (this.open.get(claimId) ?? 0) - 1;
    if (left > 0) {
      this.open.set(claimId, left);
    } else if (this.open.delete(claimId) && !this.unsure.delete(claimId) && !this.left.has(claimId)) {
      this.closed.push(claimId);
    }
  }

  /**
   * Call when a step of the claim ended here without a write (its claim was lost). The row may still be in process, and recovery
   * finds it by its claim record: so the record is deleted not here, but by recovery or by `ClaimReconciler`, which reads it first.
   */
  stepDropped(claimId: string): void {
    if (this.open.has(claimId)) this.unsure.add(claimId);
    this.stepEnded(claimId);
  }

  /** Call instead of `stepEnded` if the step is in progress still and nothing more can be written about it. */
  stepLeft(claimId: string): void {
    if (!this.open.has(claimId)) return;
    this.left.add(claimId);
    this.stepEnded(claimId);
  }

  /** Claims to recover: none of their steps runs here, and the record names one whose outcome was given up. */
  leftToRecovery(): string[] {
    return [...this.left].filter((claimId) => !this.open.has(claimId));
  }

  /** Their records are gone. */
  recovered(claimIds: readonly string[]): void {
    for (const claimId of claimIds) this.left.delete(claimId);
  }

  /** The database has a claim that is not in the ledger, and nothing of it is left to run. */
  nothingLeft(claimId: string): void {
    if (!this.isKnown(claimId)) this.closed.push(claimId);
  }

  /** Takes the claims to delete; give them back with `restoreClosed` if the statement that should carry them failed. */
  takeClosed(): string[] {
    const taken = this.closed;
    this.closed = [];
    if (this.taken.push(taken) > MAX_TAKEN_LISTS) this.taken.shift();
    return taken;
  }

  restoreClosed(claimIds: readonly string[]): void {
    this.closed.push(...claimIds);
  }

  /**
   * Call when the database may have returned to an earlier state, in which the steps of ended claims are in process again. Their
   * records are left to `ClaimReconciler` too. Lists already returned are emptied: a statement waiting for a connection serializes
   * its values only when it has one.
   */
  distrustClosed(): void {
    for (const list of [this.closed, ...this.taken]) list.length = 0;
  }

  /**
   * The lease was ended: all claims belong to recovery, which needs their records. What still runs may end without closing one.
   */
  leaseLost(): void {
    this.open.clear();
    this.left.clear();
    this.unsure.clear();
    this.distrustClosed();
  }

  /** A statement failed that may have claimed, or do so later. */
  expectOrphans(): void {
    this.orphansExpected = true;
  }

  /** Whether orphans are to be expected since the last call. */
  takeExpectation(): boolean {
    const { orphansExpected } = this;
    this.orphansExpected = false;
    return orphansExpected;
  }
}
