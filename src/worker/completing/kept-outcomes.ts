import { exponential, HALF_JITTER } from '../../backoff.ts';
import type { Batch } from './batch.ts';

/** Of a batch that is written again. */
const RETRY_BACKOFF = exponential({ minMs: 100, maxMs: 5000, jitter: HALF_JITTER });

/**
 * Outcomes whose write failed, in batches that each have a backoff of their own: what fails again and again does not delay the
 * rest. Bounded by the claimer, which claims nothing while MAX_UNRECORDED outcomes are unrecorded.
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
    // Without failures of its own it waits for nothing: the completer pauses as a whole while the server is away.
    const waitMs = batch.failures === 0 ? 0 : RETRY_BACKOFF.after(batch.failures);
    this.batches.push({ batch, dueAt: performance.now() + waitMs });
    this.members += batch.members.length;
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
