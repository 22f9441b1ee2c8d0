/**
 * The worker's capacity. A slot is busy while a handler runs in it, and reserved while a claim is under way that may fill
 * it, so that claims in flight at the same time never take more steps than can run.
 */
export class Slots {
  readonly total: number;
  private active = 0;
  /** Work beyond the slots: steps that were claimed without having been asked for (an answer that came late). */
  private readonly queued: (() => Promise<void>)[] = [];
  private reserved = 0;
  private idleWaiters: (() => void)[] = [];
  private readonly onFree: () => void;

  constructor(total: number, onFree: () => void) {
    this.total = total;
    this.onFree = onFree;
  }

  get busy(): number {
    return this.active + this.queued.length;
  }

  get free(): number {
    return Math.max(0, this.total - this.busy - this.reserved);
  }

  /** Sets aside up to `wanted` free slots; give them back with `unreserve` before running what was claimed. */
  reserve(wanted: number): number {
    const granted = Math.min(wanted, this.free);
    this.reserved += granted;
    return granted;
  }

  unreserve(count: number): void {
    this.reserved -= count;
  }

  /** Runs `work`, which must not reject, in a slot. */
  run(work: () => Promise<void>): void {
    if (this.active >= this.total) {
      this.queued.push(work);
      return;
    }
    this.active += 1;
    // A slot that is free now starts its work in a later turn, so that the caller is done with its batch first.
    void Promise.resolve()
      .then(work)
      .finally(() => {
        this.active -= 1;
        const next = this.queued.shift();
        if (next !== undefined) this.run(next);
        this.onFree();
        if (this.busy === 0) for (const resolve of this.idleWaiters.splice(0)) resolve();
      });
  }

  /** Resolves when no handler runs. */
  async idle(): Promise<void> {
    if (this.busy === 0) return;
    await new Promise<void>((resolve) => this.idleWaiters.push(resolve));
  }
}
