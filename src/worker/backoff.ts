/** Waits for a database that is away: full jitter under a ceiling that doubles to `maxMs`. */
export class Reconnect {
  private failures = 0;
  private readonly maxMs: number;

  constructor(maxMs = 1000) {
    this.maxMs = maxMs;
  }

  succeeded(): void {
    this.failures = 0;
  }

  nextDelayMs(): number {
    this.failures += 1;
    return Math.random() * Math.min(this.maxMs, 25 * 2 ** Math.min(this.failures, 10)) + 10;
  }
}
