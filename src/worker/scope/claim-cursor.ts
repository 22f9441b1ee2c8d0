import { type ReadyRange, WHOLE_QUEUE } from '../../db/statements/claims/ready-ranges.ts';
import type { ClaimScan } from '../../engine/claim.ts';
import { LEAST_URGENT, MOST_URGENT } from '../../workflow/priority.ts';

/** While every claim comes back full, the whole queue is scanned once in this time if that is cheap. */
const WHOLE_SCAN_EVERY_MS = 1000;
/** While every claim comes back full, whole scans take at most this part of the time. */
const WHOLE_SCAN_SHARE = 1 / 20;
/** A transaction that writes for longer than this does not hold the cursor back: a whole scan finds what it makes ready. */
const MAX_LAG_US = 1_000_000;
/** Priorities whose positions are kept; those of others are scanned from their beginning. */
const MAX_PRIORITIES = 16;

/**
 * The positions from which the claims of one worker in one queue continue, one for each priority.
 *
 * A claimed step leaves a dead entry in the index of ready steps. Until vacuum removes it, every scan from the front walks over
 * it, and while somebody holds an old snapshot (a long report, a backup) vacuum cannot remove any. So a claim continues, in each
 * priority, at the time of readiness up to which earlier claims took everything.
 *
 * A position is never later than what the claim's snapshot is sure to have shown. A step becomes ready in a transaction that
 * already has an id, so what a claim did not see belongs to a transaction whose id is not below the snapshot's xmin: it was in
 * progress, or began later. Each claim dates ids, too: those above its own were given out after it began. So the time at which
 * the latest claim began whose own id is below the present xmin is a time before which nothing can appear any more.
 *
 * Two things still become ready behind a position: steps whose claim was rolled back, and steps of transactions that wrote for longer
 * than a second. They are found by scans of the whole queue: after a claim that found less than it could take at the
 * latest after the poll interval, whatever such a scan costs, and otherwise once a second, for at most a twentieth of the time.
 */
export class ClaimCursor {
  private readonly pollIntervalMs: number;
  private readonly maxLagUs: number;
  /** Priority -> microseconds since 1970 by the database clock. */
  private readonly positions = new Map<number, number>();
  /** Claims of the last second: transactions with ids above `xid` got them after `nowUs`. */
  private earlier: { xid: number; nowUs: number }[] = [];
  private wholeAtMs = -Infinity;
  private wholeMs = 0;
  private full = false;

  constructor(pollIntervalMs: number, maxLagUs = MAX_LAG_US) {
    this.pollIntervalMs = pollIntervalMs;
    this.maxLagUs = maxLagUs;
  }

  /** Milliseconds from `nowMs` (any steady clock) until the next claim may scan the whole queue; 0: the next one does. */
  untilWholeScan(nowMs: number): number {
    if (this.positions.size === 0) return 0;
    const share = this.wholeMs / WHOLE_SCAN_SHARE;
    const pause = this.full ? Math.max(WHOLE_SCAN_EVERY_MS, share) : Math.min(this.pollIntervalMs, share);
    return Math.max(0, this.wholeAtMs + pause - nowMs);
  }

  /** What a claim that is sent now scans, most urgent first. */
  ranges(nowMs: number): readonly ReadyRange[] {
    return this.untilWholeScan(nowMs) === 0 ? WHOLE_QUEUE : this.rangesBelow(LEAST_URGENT + 1);
  }

  /** The priorities of which steps were claimed here. */
  get priorities(): Iterable<number> {
    return this.positions.keys();
  }

  /** The least urgent priority that was claimed here; undefined before the first claim. */
  get leastUrgent(): number | undefined {
    return this.positions.size === 0 ? undefined : Math.max(...this.positions.keys());
  }

  /** The parts of the queue that are more urgent than `priority`, from the positions of the claims. */
  rangesBelow(priority: number): ReadyRange[] {
    const ranges: ReadyRange[] = [];
    let next = MOST_URGENT;
    for (const known of [...this.positions.keys()].toSorted((a, b) => a - b)) {
      if (known >= priority) break;
      if (next < known) ranges.push({ fromPriority: next, fromReadyUs: undefined, toPriority: known - 1 });
      ranges.push({ fromPriority: known, fromReadyUs: this.positions.get(known), toPriority: known });
      next = known + 1;
    }
    if (next < priority) ranges.push({ fromPriority: next, fromReadyUs: undefined, toPriority: priority - 1 });
    return ranges;
  }

  /**
   * A claim ended. `scan`: what it saw, undefined if it took nothing. `full`: it took as many steps as it may, so there is
   * probably more. `startedAtMs`: by the clock of `ranges`.
   */
  claimed(claim: {
    whole: boolean;
    full: boolean;
    scan: ClaimScan | undefined;
    startedAtMs: number;
    ms: number;
  }): void {
    const { scan } = claim;
    this.full = claim.full;
    if (claim.whole) {
      this.wholeAtMs = claim.startedAtMs + claim.ms;
      // Wall-clock time includes connecting, planning and the wait for a processor; for a scan that found nothing there is no other.
      this.wholeMs = scan?.scanMs ?? claim.ms;
    }
    if (scan === undefined) return;
    const last = this.earlier.at(-1);
    // The database clock was set back: steps become ready at times that were passed long ago.
    if (last !== undefined && scan.nowUs < last.nowUs) this.reset();
    const sureUs = this.sureUntil(scan);
    const deepest = Math.max(...scan.reached.map(([priority]) => priority));
    for (const priority of this.positions.keys()) {
      if (!claim.full || priority < deepest) this.positions.set(priority, sureUs);
    }
    for (const [priority, reachedUs] of scan.reached) {
      const drained = !claim.full || priority < deepest;
      this.positions.set(priority, drained ? sureUs : Math.min(reachedUs, sureUs));
    }
    while (this.positions.size > MAX_PRIORITIES) this.positions.delete(this.leastUrgent as number);
  }

  /** Forgets every position: the next claim scans the whole queue. */
  reset(): void {
    this.positions.clear();
    this.earlier = [];
  }

  /** Everything that became ready before this time, and is not held by another transaction, was visible to the claim. */
  private sureUntil({ xmin, xid, nowUs }: ClaimScan): number {
    const index = this.earlier.findLastIndex((claim) => claim.xid < xmin);
    const oldest = nowUs - this.maxLagUs;
    const sure = Math.max(oldest, this.earlier[index]?.nowUs ?? oldest);
    this.earlier.push({ xid, nowUs });
    // Earlier claims cannot become the latest any more.
    const needed = Math.max(
      index,
      this.earlier.findIndex((claim) => claim.nowUs >= oldest),
    );
    if (needed > 0) this.earlier.splice(0, needed);
    return sure;
  }
}
