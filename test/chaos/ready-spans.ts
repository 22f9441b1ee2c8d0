/** One change of a step row that concerns claiming, as the readiness log keeps it. Times are the database's clock, in milliseconds. */
export interface StepEvent {
  step: string;
  queue: string;
  /** Lower is more urgent. */
  priority: number;
  /** A claim could take it. */
  ready: boolean;
  /** The claim that holds it, and the worker of that claim; null if it is not claimed. */
  claimId: string | null;
  workerId: string | null;
  /** When the transaction of the change began: at or before the snapshot of the statement that made it. */
  beganMs: number;
  atMs: number;
  committedMs: number;
}

export interface Span {
  fromMs: number;
  toMs: number;
}

/** A time during which one step was ready in one queue at one priority. */
export interface ReadySpan {
  step: string;
  queue: string;
  priority: number;
  /** From then on every new snapshot saw it ready. */
  readyMs: number;
  /** The duration of the transaction that made it ready. */
  wroteMs: number;
  /** The change that ended it, if any. */
  gone: StepEvent | undefined;
}

/** A time during which one worker held one step. */
export interface HeldSpan extends Span {
  workerId: string;
}

/** Events of each step in order. Row locks serialize the changes of a row, so their times order them. */
export function changesOf(events: readonly StepEvent[]): StepEvent[][] {
  const steps = new Map<string, StepEvent[]>();
  for (const event of events) {
    const known = steps.get(event.step);
    if (known === undefined) steps.set(event.step, [event]);
    else known.push(event);
  }
  return [...steps.values()].map((changes) => changes.toSorted((a, b) => a.atMs - b.atMs));
}

export function readySpans(events: readonly StepEvent[]): ReadySpan[] {
  return changesOf(events).flatMap((changes) =>
    changes.flatMap((change, index): ReadySpan[] =>
      change.ready
        ? [
            {
              step: change.step,
              queue: change.queue,
              priority: change.priority,
              readyMs: change.committedMs,
              wroteMs: change.committedMs - change.beganMs,
              gone: changes[index + 1],
            },
          ]
        : [],
    ),
  );
}

export function heldSpans(events: readonly StepEvent[]): HeldSpan[] {
  return changesOf(events).flatMap((changes) =>
    changes.flatMap(({ workerId, atMs }, index): HeldSpan[] =>
      workerId === null ? [] : [{ workerId, fromMs: atMs, toMs: changes[index + 1]?.atMs ?? Infinity }],
    ),
  );
}

/** What is left of `span` without the times of `holes`, in order. */
export function without(span: Span, holes: readonly Span[]): Span[] {
  const left: Span[] = [];
  let fromMs = span.fromMs;
  for (const hole of holes.toSorted((a, b) => a.fromMs - b.fromMs)) {
    if (hole.toMs <= fromMs) continue;
    if (hole.fromMs >= span.toMs) break;
    if (hole.fromMs > fromMs) left.push({ fromMs, toMs: hole.fromMs });
    fromMs = hole.toMs;
  }
  if (fromMs < span.toMs) left.push({ fromMs, toMs: span.toMs });
  return left;
}
