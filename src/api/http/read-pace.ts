/** Seconds of reading a second that all shared reads of a process may take together, before those who ask more often wait for each other: what open pages may cost a fleet. */
const SHARE = 1 / 50;
const WINDOW_MS = 1000;
/** The longest that the next read of the same thing is put off. */
export const MOST_PAUSE_MS = 2000;
/** The longest that an answer is kept because it was costly. */
const MOST_KEPT_MS = 15_000;
/** What is costly to read takes this part of the time at most, however little else is read. */
const LEAST_STRETCH = 100;
const MOST_STRETCH = 6400;

/**
 * How soon the same thing may be read again. Looking must not slow the work: fifty pages and fifty lists a second ask for a few dozen things again and again,
 * and on a database that is busy each of these reads takes time from a claim. So while reading takes more than its share, two reads of the same thing
 * begin at least a multiple of the time apart that such a read takes: what costs little is read often, what costs much is read rarely, and each takes as much of the time as
 * the others. The multiple doubles each second in which reading took more than its share, and halves when it takes less than half of it. What is read is as fresh as
 * ever: a read begins after all who share it have asked. Only below that load nobody waits.
 */
export class ReadPace {
  private stretch = 0;
  private spent = 0;
  private since: number;
  private readonly now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.now = now;
    this.since = now();
  }

  /** A read has taken this long. */
  took(ms: number): void {
    this.spent += ms;
    this.turn();
  }

  /** Milliseconds between the begins of two reads of the same thing, of which one has taken `tookMs`; 0: none. */
  pauseFor(tookMs: number): number {
    this.turn();
    return Math.min(MOST_PAUSE_MS, tookMs * this.stretch);
  }

  /** How long others get the same answer, if it is one that may be some seconds old: sums of the fleet, and pages that are cut short. */
  keptFor(tookMs: number): number {
    this.turn();
    return Math.min(MOST_KEPT_MS, tookMs * Math.max(LEAST_STRETCH, this.stretch));
  }

  private turn(): void {
    const elapsed = this.now() - this.since;
    if (elapsed < WINDOW_MS) return;
    const share = this.spent / elapsed;
    if (share > SHARE) this.stretch = Math.min(MOST_STRETCH, Math.max(LEAST_STRETCH, this.stretch * 2));
    // A long time without a read is as many seconds that took nothing.
    else if (share < SHARE / 2) this.stretch = Math.floor(this.stretch / 2 ** Math.min(10, elapsed / WINDOW_MS));
    if (this.stretch < LEAST_STRETCH) this.stretch = 0;
    this.spent = 0;
    this.since = this.now();
  }
}
