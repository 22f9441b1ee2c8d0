/**
 * The part of a delay that is drawn by chance, as shares of the delay: [0, 1] draws from nothing to all of it. What waits for the
 * same event does then not come back at the same moment.
 */
export type Jitter = readonly [from: number, to: number];

/** Anything up to the whole delay: spreads the most. */
export const FULL_JITTER: Jitter = [0, 1];
/** From half of the delay on. */
export const HALF_JITTER: Jitter = [0.5, 1];
/** Up to a quarter less than the delay. */
export const QUARTER_JITTER: Jitter = [0.75, 1];
export const NO_JITTER: Jitter = [1, 1];

/** `ms` with jitter. `random` as Math.random. */
export function withJitter(ms: number, [from, to]: Jitter, random: () => number = Math.random): number {
  return ms * (from + random() * (to - from));
}

export interface BackoffOptions {
  /** The delay after the first failure, before jitter. */
  readonly minMs: number;
  /** Delays double up to this one. Below `minMs` it is the only delay. */
  readonly maxMs: number;
  readonly jitter: Jitter;
  /** Added to each delay after jitter, so that none is close to 0. */
  readonly addMs?: number;
  readonly random?: () => number;
}

/** Delays that double from failure to failure, or from one poll that finds nothing to the next. */
export class Backoff {
  private readonly options: BackoffOptions;
  private currentMs: number;

  constructor(options: BackoffOptions) {
    this.options = options;
    this.currentMs = options.minMs;
  }

  /** Whether the delays have reached the longest. */
  get atMax(): boolean {
    return this.currentMs >= this.options.maxMs;
  }

  /** The next delay in milliseconds. `maxMs`: the longest delay now, if it is another than usual. */
  next(maxMs: number = this.options.maxMs): number {
    const delayMs = this.withJitter(Math.min(this.currentMs, maxMs));
    this.currentMs = Math.min(this.currentMs * 2, maxMs);
    return delayMs;
  }

  /** The delay after the `failures`-th failure in a row (1 and above), for a caller that counts them itself. */
  after(failures: number): number {
    const { minMs, maxMs } = this.options;
    return this.withJitter(Math.min(minMs * 2 ** (failures - 1), maxMs));
  }

  /** Something succeeded: the next delay is the first again. */
  reset(): void {
    this.currentMs = this.options.minMs;
  }

  private withJitter(ms: number): number {
    const { jitter, addMs = 0, random } = this.options;
    return withJitter(ms, jitter, random) + addMs;
  }
}

/** Between two tries of a statement while the database is away. */
export const DATABASE_AWAY: BackoffOptions = { minMs: 50, maxMs: 1000, jitter: FULL_JITTER, addMs: 10 };

export function exponential(options: BackoffOptions): Backoff {
  return new Backoff(options);
}
