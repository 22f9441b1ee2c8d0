import { exponential, HALF_JITTER } from '../../backoff.ts';
import type { Ended } from './completer-options.ts';

/** Outcomes that are written together. */
export interface Batch {
  readonly members: readonly Ended[];
  /** Failed writes in a row that a smaller batch might not have shared. 0: never tried, or only while the server was away. */
  readonly failures: number;
  /** Set after a failed write that may have committed: the claim id of children that it may have claimed, if it could. */
  readonly unknown: { readonly claimId: string | undefined } | undefined;
}

/** Of a batch that is written again. */
const RETRY_BACKOFF = exponential({ minMs: 100, maxMs: 5000, jitter: HALF_JITTER });

/**
 * Outcomes whose write failed, in batches that each have a backoff of their own: what fails again and again does not delay the
 * rest. Bounded by the worker, which claims nothing while it holds many unwritten outcomes.
 */
export class KeptOutcomes {
  private batches: { batch: Batch; dueAt: number }[] = [];
  private members = 0;

  /** Outcomes, not batches. */
  get size(): number {
    return this.members;
  }

  /** To be written again after the backoff of `batch.failures`. */
  add(batch: Batch): void {
    // Without failures of its own it waits for nothing: the flusher pauses as a whole while the server is away.
    const waitMs = batch.failures === 0 ? 0 : RETRY_BACKOFF.after(batch.failures);
    this.batches.push({ batch, dueAt: performance.now() + waitMs });
    this.members += batch.members.length;
  }

  /** Adds it as two batches, so that one bad member shares its failure with half as many. */
  addHalves(batch: Batch): void {
    const middle = Math.ceil(batch.members.length / 2);
    this.add({ ...batch, members: batch.members.slice(0, middle) });
    // The claim is looked up once. If all members of the first half were lost it is not, and is adopted as a stray.
    const unknown = batch.unknown === undefined ? undefined : { claimId: undefined };
    this.add({ ...batch, unknown, members: batch.members.slice(middle) });
  }

  /** Removes and returns the batch that has been due longest; undefined if none is due. */
  takeDue(): Batch | undefined {
    const first = this.earliest();
    if (first === undefined || first.dueAt > performance.now()) return undefined;
    this.batches.splice(this.batches.indexOf(first), 1);
    this.members -= first.batch.members.length;
    return first.batch;
  }

  /** Milliseconds until a batch is due; undefined if there is none. */
  get dueInMs(): number | undefined {
    const first = this.earliest();
    return first === undefined ? undefined : Math.max(0, first.dueAt - performance.now());
  }

  private earliest(): { batch: Batch; dueAt: number } | undefined {
    let first = this.batches[0];
    for (const one of this.batches) if (first !== undefined && one.dueAt < first.dueAt) first = one;
    return first;
  }
}
