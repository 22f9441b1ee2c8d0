/** At most two completions and one claim are in flight. */
const MOST_GIVEN = 4;

/**
 * How many steps of each claim have not ended here. A claim whose last step ended can be forgotten by the database. A claim
 * that the database has under our id and that is not among these was made by a statement whose answer never came.
 */
export class ClaimLedger {
  private readonly asked = new Set<string>();
  private readonly open = new Map<string, number>();
  private closed: string[] = [];
  /** Claims with a step that ended here without a write. */
  private readonly unsure = new Set<string>();
  /** Lists that `takeClosed` returned last: their statements may not have been sent yet. */
  private readonly given: string[][] = [];
  /** Claims with a step whose outcome was given up: their records stay until recovery has found the step. */
  private readonly left = new Set<string>();

  /** A statement is under way that may make this claim. */
  asking(claimId: string): void {
    this.asked.add(claimId);
  }

  /** Its answer came, or was given up on; what it claimed is `opened` by now. */
  answered(claimId: string): void {
    this.asked.delete(claimId);
  }

  /** Every claim that the worker may know more of than the database. */
  known(): string[] {
    return [...this.asked, ...this.open.keys(), ...this.closed, ...this.left];
  }

  /** Whether there are claims to forget. */
  get anyClosed(): boolean {
    return this.closed.length > 0;
  }

  /** Whether steps run here. */
  get any(): boolean {
    return this.open.size > 0;
  }

  isKnown(claimId: string): boolean {
    return this.asked.has(claimId) || this.open.has(claimId) || this.left.has(claimId);
  }

  opened(claimId: string, steps: number): void {
    if (steps > 0) this.open.set(claimId, (this.open.get(claimId) ?? 0) + steps);
  }

  isOpen(claimId: string): boolean {
    return this.open.has(claimId);
  }

  /** Call when the database has the end of one step of the claim. */
  ended(claimId: string): void {
    const left = (this.open.get(claimId) ?? 0) - 1;
    if (left > 0) {
      this.open.set(claimId, left);
    } else if (this.open.delete(claimId) && !this.unsure.delete(claimId) && !this.left.has(claimId)) {
      this.closed.push(claimId);
    }
  }

  /**
   * Call when a step of the claim ended here without a write (its claim was lost). The row may still be in process, and recovery
   * finds it by its claim record: so the record is not deleted here, but by recovery or by `ClaimReconciler`, which reads it first.
   */
  dropped(claimId: string): void {
    if (this.open.has(claimId)) this.unsure.add(claimId);
    this.ended(claimId);
  }

  /**
   * Call when the database may have returned to an earlier state, in which the steps of ended claims are in process again. Their
   * records are left to `ClaimReconciler` too. Lists already returned are emptied: a statement waiting for a connection serializes its
   * values only when it has one.
   */
  distrust(): void {
    for (const list of [this.closed, ...this.given]) list.length = 0;
  }

  /** Call instead of `ended` if the step is in progress still and nothing more can be written about it. */
  leave(claimId: string): void {
    if (!this.open.has(claimId)) return;
    this.left.add(claimId);
    this.ended(claimId);
  }

  /** Claims to recover: none of their steps runs here, and the record names one that nobody has. */
  leftBehind(): string[] {
    return [...this.left].filter((claimId) => !this.open.has(claimId));
  }

  /** Their records are gone. */
  recovered(claimIds: readonly string[]): void {
    for (const claimId of claimIds) this.left.delete(claimId);
  }

  /**
   * The lease was ended: all claims belong to recovery, which needs their records. What still runs may end without closing one.
   */
  forsake(): void {
    this.open.clear();
    this.left.clear();
    this.unsure.clear();
    this.distrust();
  }

  /** Takes the claims to forget; give them back with `untake` where the statement that should carry them failed. */
  takeClosed(): string[] {
    const taken = this.closed;
    this.closed = [];
    if (this.given.push(taken) > MOST_GIVEN) this.given.shift();
    return taken;
  }

  /** Nothing of this claim is left to run. */
  forget(claimId: string): void {
    if (!this.isKnown(claimId)) this.closed.push(claimId);
  }

  untake(claimIds: readonly string[]): void {
    this.closed.push(...claimIds);
  }
}
