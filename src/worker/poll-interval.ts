/**
 * How long to wait before looking at a queue again. Doubles from `minMs` to `maxMs` while nothing is found, starts anew
 * when something is. The jitter (up to a quarter less) keeps workers that started together from polling together.
 */
export class PollInterval {
  private readonly minMs: number;
  private readonly maxMs: number;
  private readonly random: () => number;
  private currentMs: number;

  constructor(minMs: number, maxMs: number, random: () => number = Math.random) {
    this.minMs = minMs;
    this.maxMs = Math.max(minMs, maxMs);
    this.currentMs = minMs;
    this.random = random;
  }

  /** Nothing was found for so long that the pauses have become as long as they usually do. */
  get resting(): boolean {
    return this.currentMs >= this.maxMs;
  }

  found(): void {
    this.currentMs = this.minMs;
  }

  /** `maxMs`: the longest pause now, where it is another than the usual. */
  next(maxMs: number = this.maxMs): number {
    const delay = Math.min(this.currentMs, maxMs) * (1 - this.random() / 4);
    this.currentMs = Math.min(this.currentMs * 2, maxMs);
    return delay;
  }
}
