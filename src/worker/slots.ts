import pLimit, { type LimitFunction } from 'p-limit';

/**
 * The worker's capacity. A slot is busy while a handler runs in it, and reserved while a claim is under way that may fill
 * it, so that claims in flight at the same time never take more steps than can run.
 */
export class Slots {
  readonly total: number;
  private readonly limit: LimitFunction;
  private reserved = 0;
  private idleWaiters: (() => void)[] = [];
  private readonly onFree: () => void;

  constructor(total: number, onFree: () => void) {
    this.total = total;
    this.limit = pLimit(total);
    this.onFree = onFree;
  }

  get busy(): number {
    return this.limit.activeCount + this.limit.pendingCount;
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
    void this.limit(work).finally(() => {
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
