/** How many steps of each claim have not ended here. A claim whose last step ended can be forgotten by the database. */
export class OpenClaims {
  private readonly open = new Map<string, number>();
  private closed: string[] = [];

  opened(claimId: string, steps: number): void {
    if (steps > 0) this.open.set(claimId, (this.open.get(claimId) ?? 0) + steps);
  }

  isOpen(claimId: string): boolean {
    return this.open.has(claimId);
  }

  /** Open, or ended and waiting to be forgotten by the database. */
  isKnown(claimId: string): boolean {
    return this.open.has(claimId) || this.closed.includes(claimId);
  }

  /** To be forgotten, though no step of it ever ran here. */
  closedUnopened(claimId: string): void {
    this.closed.push(claimId);
  }

  /** Call when the database has the end of one step of the claim. */
  ended(claimId: string): void {
    const left = (this.open.get(claimId) ?? 0) - 1;
    if (left > 0) {
      this.open.set(claimId, left);
    } else if (this.open.delete(claimId)) {
      this.closed.push(claimId);
    }
  }

  /** Takes the claims to forget; give them back with `untake` where the statement that should carry them failed. */
  takeClosed(): string[] {
    const taken = this.closed;
    this.closed = [];
    return taken;
  }

  untake(claimIds: readonly string[]): void {
    this.closed.push(...claimIds);
  }
}
