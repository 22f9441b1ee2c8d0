import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Problem } from '../problem.ts';

/** An event loop that comes this much too late has more to do than it can: what comes now would only wait. */
const LATE_MS = 500;
const SAMPLE_MS = 250;

/** What this process is working on, and whether it may take more. */
export class Load {
  working = 0;
  waiting = 0;
  private readonly most: number;
  private readonly delay = monitorEventLoopDelay({ resolution: 20 });
  private latenessMs = 0;
  private readonly timer: NodeJS.Timeout;

  constructor(most: number) {
    this.most = most;
    this.delay.enable();
    this.timer = setInterval(() => {
      this.latenessMs = this.delay.count > 0 ? this.delay.percentile(50) / 1e6 : 0;
      this.delay.reset();
    }, SAMPLE_MS).unref();
  }

  /** Throws Problem: a request that is refused at once costs less than one that times out. */
  check(waits: boolean): void {
    const full = waits ? this.waiting >= this.most * 10 : this.working >= this.most;
    if (!full && this.latenessMs < LATE_MS) return;
    throw new Problem('OVERLOADED', 'this process of the API has too much to do: ask again in a moment', {
      headers: { 'retry-after': '1' },
    });
  }

  /** One that is worked on only waits, until it is closed, for what is read for another: that is no work of its own. */
  waits(closed: (end: () => void) => void): void {
    this.move(1);
    closed(() => this.move(-1));
  }

  private move(count: number): void {
    this.working -= count;
    this.waiting += count;
  }

  stop(): void {
    clearInterval(this.timer);
    this.delay.disable();
  }
}
