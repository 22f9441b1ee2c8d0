import type { Violation } from './audit.ts';
import { type HeldSpan, heldSpans, readySpans, type Span, type StepEvent, without } from './ready-spans.ts';

/** The longest pause between two polls of a worker: the default of TASKER_HINTED_POLL_INTERVAL_MS. */
export const POLL_INTERVAL_MS = 3000;
/** The longest duration of a poll on a shared machine with two processors: a claim, and the wait for a processor. */
export const TOLERANCE_MS = 3000;

/** A worker process while it was registered and neither drained nor stopped. */
export interface LiveWorker extends Span {
  workerId: string;
  queues: readonly string[];
  slots: number;
  /** The times during which it could not poll: its event loop stood still, or a handler was ending it. */
  disturbed: readonly Span[];
}

export interface IdleWorkers {
  violations: Violation[];
  /** Times of readiness that were compared. */
  spans: number;
  /** The longest that a step waited within a calm span, beside a free slot or not, in milliseconds. */
  longestMs: number;
}

/**
 * Checks that no ready step waits longer than a poll interval plus the tolerance while one and the same live worker serves its queue
 * and has free slots. A worker counts as free while the database has claims of it for at most half of its slots: handlers that did
 * not stop when they were aborted hold further slots, of which the database has no row.
 */
export function checkIdleWorkers(
  events: readonly StepEvent[],
  workers: readonly LiveWorker[],
  calm: readonly Span[],
): IdleWorkers {
  const limitMs = POLL_INTERVAL_MS + TOLERANCE_MS;
  const heldBy = new Map<string, HeldSpan[]>(workers.map(({ workerId }) => [workerId, []]));
  for (const held of heldSpans(events)) heldBy.get(held.workerId)?.push(held);
  const full = new Map(
    workers.map((worker) => [worker, spansAbove(heldBy.get(worker.workerId) ?? [], Math.floor(worker.slots / 2))]),
  );
  const violations: Violation[] = [];
  let spans = 0;
  let longestMs = 0;
  for (const { step, queue, readyMs, gone } of readySpans(events)) {
    for (const { fromMs, toMs } of calm) {
      const wait = { fromMs: Math.max(readyMs, fromMs), toMs: Math.min(gone?.atMs ?? Infinity, toMs) };
      if (wait.toMs <= wait.fromMs) continue;
      spans += 1;
      longestMs = Math.max(longestMs, wait.toMs - wait.fromMs);
      if (wait.toMs - wait.fromMs <= limitMs) continue;
      for (const worker of workers) {
        if (!worker.queues.includes(queue)) continue;
        const lives = {
          fromMs: Math.max(wait.fromMs, worker.fromMs),
          toMs: Math.min(wait.toMs, worker.toMs),
        };
        const idle = without(lives, [...(full.get(worker) ?? []), ...worker.disturbed]).find(
          (span) => span.toMs - span.fromMs > limitMs,
        );
        if (idle === undefined) continue;
        violations.push({
          kind: 'idle beside ready',
          detail: `step ${step} of queue ${queue} was ready for ${Math.round(idle.toMs - idle.fromMs)} ms while worker ${worker.workerId} had free slots (${worker.slots} in all)`,
        });
        break;
      }
    }
  }
  return { violations, spans, longestMs };
}

/** The times in which more than `limit` of these spans overlap. */
function spansAbove(spans: readonly Span[], limit: number): Span[] {
  const edges = spans
    .flatMap(({ fromMs, toMs }) => [
      { atMs: fromMs, change: 1 },
      { atMs: toMs, change: -1 },
    ])
    .toSorted((a, b) => a.atMs - b.atMs || a.change - b.change);
  const above: Span[] = [];
  let count = 0;
  let since: number | undefined;
  for (const { atMs, change } of edges) {
    count += change;
    if (count > limit) since ??= atMs;
    else if (since !== undefined) {
      above.push({ fromMs: since, toMs: atMs });
      since = undefined;
    }
  }
  if (since !== undefined) above.push({ fromMs: since, toMs: Infinity });
  return above;
}
