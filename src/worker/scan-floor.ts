/** A whole scan of a queue may take at most this part of the time: while it is expensive it is rare. */
const WHOLE_SCAN_SHARE = 1 / 20;
/** How long steps that became ready behind the floor may wait while the queue is never empty, if a whole scan is cheap. */
const WHOLE_SCAN_EVERY_MS = 1000;

/**
 * Where the last claim of a queue ended. A claimed step leaves a dead entry at the front of the index of ready steps. Vacuum
 * takes it away, unless somebody holds an old snapshot (a long report, a backup, a forgotten session): then the front grows by
 * every step ever claimed, and each claim would walk over all of them. So a claim begins at the time of readiness at which
 * the last one ended.
 *
 * Steps can become ready behind that floor (their transaction committed late, their claim was rolled back, they are of another
 * priority), so from time to time a claim looks at the whole queue: whenever the queue seems empty, and once a second otherwise,
 * but never for more than a twentieth of the time.
 */
export class ScanFloor {
  private floor: string | undefined;
  private wholeAt = -Infinity;
  private wholeMs = 0;
  private short = true;

  /** The floor for a claim that begins now (milliseconds of any steady clock); undefined: look at the whole queue. */
  at(now: number): string | undefined {
    if (this.floor === undefined) return undefined;
    const pause = Math.max(this.short ? 0 : WHOLE_SCAN_EVERY_MS, this.wholeMs / WHOLE_SCAN_SHARE);
    return now - this.wholeAt >= pause ? undefined : this.floor;
  }

  /** A claim ended. `reached`: the readiness of its last step, undefined where it has none or steps of several priorities. */
  claimed(claim: {
    from: string | undefined;
    full: boolean;
    reached: string | undefined;
    startedAt: number;
    ms: number;
  }): void {
    this.short = !claim.full;
    if (claim.from === undefined) {
      this.wholeAt = claim.startedAt + claim.ms;
      this.wholeMs = claim.ms;
    }
    if (claim.reached !== undefined) this.floor = claim.reached;
  }
}
