import { Problem } from '../problem.ts';

const TURN_MS = 100;
/** A turn of the event loop that takes this long is late, and after this many in a row so is the process: one alone may be any pause. */
const LATE_MS = 500;
const LATE_TURNS = 3;
/** Of the most requests that it may work on: with fewer there is no queue, and a process that is late lacks the processor, which refusing would not give it. */
const BACKLOG_SHARE = 0.1;

/** What this process is working on, and whether it may take more. */
export class Load {
  working = 0;
  waiting = 0;
  private readonly most: number;
  private turnedAt = performance.now();
  private lateTurns = 0;
  private readonly timer: NodeJS.Timeout;

  constructor(most: number) {
    this.most = most;
    this.timer = setInterval(() => this.turned(), TURN_MS).unref();
  }

  /** Throws Problem: a request that is refused at once costs less than one that times out. */
  check(waits: boolean): void {
    const full = waits ? this.waiting >= this.most * 10 : this.working >= this.most;
    const late = this.lateTurns >= LATE_TURNS && this.working >= this.most * BACKLOG_SHARE;
    if (!full && !late) return;
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

  private turned(): void {
    const now = performance.now();
    this.lateTurns = now - this.turnedAt > LATE_MS ? this.lateTurns + 1 : 0;
    this.turnedAt = now;
  }

  stop(): void {
    clearInterval(this.timer);
  }
}
