/** Bins are this much wider from one to the next: a percentile is as exact. */
const RATIO = 1.005;
const LEAST_MS = 0.05;
const BINS = Math.ceil(Math.log(10_000 / LEAST_MS) / Math.log(RATIO));

/** How often durations were how long. Several can be summed, many times, at no cost of the single ones. */
export class Durations {
  private readonly bins = new Uint32Array(BINS);

  static sum(all: readonly Durations[]): Durations {
    const total = new Durations();
    for (const { bins } of all) for (let at = 0; at < BINS; at += 1) (total.bins[at] as number) += bins[at] as number;
    return total;
  }

  add(ms: number): void {
    const bin = Math.floor(Math.log(Math.max(ms, LEAST_MS) / LEAST_MS) / Math.log(RATIO));
    const at = Math.min(BINS - 1, bin);
    this.bins[at] = (this.bins[at] ?? 0) + 1;
  }

  get count(): number {
    return this.bins.reduce((sum, count) => sum + count, 0);
  }

  /** Milliseconds. NaN of none. */
  percentile(p: number): number {
    const rank = (p / 100) * this.count;
    let below = 0;
    for (let at = 0; at < BINS; at += 1) {
      below += this.bins[at] as number;
      if (below >= rank && below > 0) return LEAST_MS * RATIO ** (at + 0.5);
    }
    return Number.NaN;
  }
}
