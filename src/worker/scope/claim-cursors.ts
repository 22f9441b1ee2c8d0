import type { ChainBounds } from '../../engine/complete.ts';
import { ClaimCursor } from './claim-cursor.ts';

/** The positions of a worker's claims, queue by queue. */
export class ClaimCursors {
  private readonly cursors: ReadonlyMap<string, ClaimCursor>;

  constructor(queues: readonly string[], pollIntervalMs: number, maxLagUs?: number) {
    this.cursors = new Map(queues.map((queue) => [queue, new ClaimCursor(pollIntervalMs, maxLagUs)]));
  }

  of(queue: string): ClaimCursor {
    return this.cursors.get(queue) as ClaimCursor;
  }

  /** Which children a completion may claim; undefined before the first claim. */
  chainBounds(): ChainBounds | undefined {
    const known = [...this.cursors.values()].flatMap((cursor) => [...cursor.priorities]);
    if (known.length === 0) return undefined;
    const leastUrgent = Math.max(...known);
    const bounds: ChainBounds = { ranges: [], leastUrgent };
    // With several queues and several priorities, what is urgent in one queue is no reason to wait in another.
    const byQueue = this.cursors.size > 1 && known.some((priority) => priority !== leastUrgent);
    if (byQueue) bounds.leastUrgent = [];
    for (const [queue, cursor] of this.cursors) {
      const least = byQueue ? (cursor.leastUrgent ?? leastUrgent) : leastUrgent;
      if (typeof bounds.leastUrgent !== 'number') bounds.leastUrgent.push(least);
      for (const range of cursor.rangesBelow(least)) bounds.ranges.push({ queue, ...range });
    }
    return bounds;
  }

  reset(): void {
    for (const cursor of this.cursors.values()) cursor.reset();
  }
}
