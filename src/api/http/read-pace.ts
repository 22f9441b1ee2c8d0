/** Seconds of reading a second that all shared reads of a process may take together, before those who ask more often wait for each other. */
const SHARE = 1 / 25;
/** The longest that the next read of the same thing is put off. */
export const MOST_PAUSE_MS = 1000;
const FIRST_MS = 125;
const WINDOW_MS = 1000;

/**
 * How soon the same thing may be read again. Looking must not slow the work: fifty pages and fifty lists a second ask for a few dozen things again and again,
 * and on a database that is busy each of these reads takes time from a claim. So the pause between two reads of the same thing doubles each second in which
 * reading took more than its share, up to a second, and halves when it takes less than half of it. What is read is as fresh as ever: a read begins after
 * all who share it have asked. Only below that load nobody waits.
 */
export class ReadPace {
  private pause = 0;
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

  /** Between the begins of two reads of the same thing, in milliseconds; 0: none. */
  get pauseMs(): number {
    this.turn();
    return this.pause;
  }

  private turn(): void {
    const elapsed = this.now() - this.since;
    if (elapsed < WINDOW_MS) return;
    const share = this.spent / elapsed;
    if (share > SHARE) this.pause = Math.min(MOST_PAUSE_MS, Math.max(FIRST_MS, this.pause * 2));
    // A long time without a read is as many seconds that took nothing.
    else if (share < SHARE / 2) this.pause = Math.floor(this.pause / 2 ** Math.min(10, elapsed / WINDOW_MS));
    if (this.pause < FIRST_MS) this.pause = 0;
    this.spent = 0;
    this.since = this.now();
  }
}
