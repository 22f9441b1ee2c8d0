/** A burst of this many seconds is let through at once. */
const BURST_SECONDS = 10;
/** Principals that are remembered; those that asked longest ago are forgotten, and then have their whole burst. */
const MOST_PRINCIPALS = 10_000;

/** How much a principal may still ask: a bucket that fills with time. Of this process alone. */
export class RateLimits {
  private readonly perSecond: number;
  private readonly buckets = new Map<string, { left: number; at: number }>();

  /** 0: no limit. */
  constructor(perSecond: number) {
    this.perSecond = perSecond;
  }

  get limit(): number {
    return this.perSecond * BURST_SECONDS;
  }

  /** `waitSeconds`: when it may be asked again; 0 if it is let through. */
  take(principal: string, counts: number, now = performance.now()): { waitSeconds: number; left: number } {
    if (this.perSecond === 0 || counts === 0) return { waitSeconds: 0, left: this.limit };
    const known = this.buckets.get(principal);
    const filled = known === undefined ? this.limit : known.left + ((now - known.at) / 1000) * this.perSecond;
    const left = Math.min(this.limit, filled);
    this.buckets.delete(principal);
    this.buckets.set(principal, { left: left >= counts ? left - counts : left, at: now });
    if (this.buckets.size > MOST_PRINCIPALS) this.buckets.delete(this.buckets.keys().next().value as string);
    return left >= counts
      ? { waitSeconds: 0, left: left - counts }
      : { waitSeconds: (counts - left) / this.perSecond, left };
  }
}
