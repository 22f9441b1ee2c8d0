import pLimit, { type LimitFunction } from 'p-limit';
import type { ClaimSignal } from './claim-signal.ts';

/** Something to do in a slot; calls `done` once, when it has ended, and must not throw. */
export type Work = (done: () => void) => void;

/**
 * The worker's capacity. A slot is busy while a handler runs in it, and reserved while a claim is under way that may fill
 * it, so that claims in flight at the same time never take more steps than can run.
 *
 * p-limit keeps the limit. It runs lanes, not single steps: a lane goes on with the next step when one has ended. A step then costs
 * no promise, and a call of p-limit costs nine: at full load that is a tenth of the worker's work.
 */
export class Slots {
  readonly total: number;
  private readonly limit: LimitFunction;
  /** Lanes without work. */
  private readonly parked: ((work: Work) => void)[] = [];
  private reserved = 0;
  private idleWaiters: (() => void)[] = [];
  private readonly signal: Pick<ClaimSignal, 'slotFreed'>;

  constructor(total: number, signal: Pick<ClaimSignal, 'slotFreed'>) {
    this.total = total;
    this.limit = pLimit(total);
    this.signal = signal;
  }

  get busy(): number {
    return this.limit.activeCount - this.parked.length + this.limit.pendingCount;
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

  /** Runs `work` in a slot: at once if one is free that has been used before. */
  run(work: Work): void {
    const lane = this.parked.pop();
    if (lane === undefined) void this.limit(() => this.lane(work)).then(() => this.freed());
    else lane(work);
  }

  /** Resolves when no handler runs. */
  async idle(): Promise<void> {
    if (this.busy === 0) return;
    await new Promise<void>((resolve) => this.idleWaiters.push(resolve));
  }

  private lane(first: Work): Promise<void> {
    return new Promise((close) => {
      const start = (work: Work): void => work(done);
      const done = (): void => {
        // Work that waits for a lane is started by p-limit when this one ends.
        if (this.limit.pendingCount > 0) return close();
        this.parked.push(start);
        this.freed();
      };
      start(first);
    });
  }

  private freed(): void {
    this.signal.slotFreed();
    if (this.idleWaiters.length > 0 && this.busy === 0) for (const resolve of this.idleWaiters.splice(0)) resolve();
  }
}
