import type { Context, Link, Span, SpanContext } from '@opentelemetry/api';
import type { AttemptEnd, AttemptTrace, BegunAttempt, TraceFields } from './attempt-trace.ts';
import { attemptAttributes, attributes } from './attributes.ts';
import { errorTypeOf } from './error-type.ts';
import { contextOf, timeOf, type Tracing, tracing } from './otel.ts';
import { isSampledText, isStoredContext, readStoredContext } from './stored-context.ts';
import { UnsampledTrace } from './unsampled-trace.ts';

/** Claims and failed attempts whose spans later ones are linked to. */
const MOST_REMEMBERED = 1000;
/** A shorter wait is none: a completion has claimed the step, or a worker stood ready. */
const LEAST_WAIT_SECONDS = 0.001;

/** The spans of the attempts of one worker. Nothing here throws because of the program's SDK: a trace is never a reason to fail. */
export class AttemptSpans {
  private readonly claims = new Map<string, SpanContext>();
  private readonly failed = new Map<string, SpanContext>();
  /** Spans for which something is read first. */
  private readonly pending = new Set<Promise<void>>();

  /** A claim that found steps: one span for all of them, in a trace of its own, to which their attempts are linked. */
  claimed(claim: {
    claimId: string;
    queue: string;
    seconds: number;
    workerId: string | undefined;
    traceContexts: Iterable<string | null | undefined>;
  }): void {
    const otel = tracing();
    if (otel === undefined) return;
    let steps = 0;
    let sampled = false;
    for (const text of claim.traceContexts) {
      steps += 1;
      if (typeof text === 'string') sampled ||= isSampledText(text) && isStoredContext(text);
    }
    // A claim without a traced step belongs to nobody's trace.
    if (!sampled) return;
    const { claimId, queue, seconds, workerId } = claim;
    const now = Date.now();
    const span = otel.tracer.startSpan(`receive ${queue}`, {
      root: true,
      kind: otel.api.SpanKind.CLIENT,
      startTime: timeOf(now - seconds * 1000),
      attributes: attributes({
        operationName: 'receive',
        operationType: 'receive',
        destination: queue,
        batchCount: steps,
        claimId,
        workerId,
      }),
    });
    span.end(timeOf(now));
    if (isSampled(span)) remember(this.claims, claimId, span.spanContext());
  }

  /** `traceContext`: as the task keeps it. `factsOf` is called if there is a span. */
  begin(traceContext: string, factsOf: () => BegunAttempt): AttemptTrace {
    const otel = isSampledText(traceContext) ? tracing() : undefined;
    const stored = otel === undefined ? undefined : readStoredContext(traceContext);
    // Without an SDK, or not sampled, its lines of the log still have the id of the trace.
    if (otel === undefined || stored === undefined) return new UnsampledTrace(traceContext);
    const attempt = factsOf();
    const parent = contextOf(otel, stored);
    const startMs = Date.now();
    wait(otel, parent, attempt, startMs);
    const span = otel.tracer.startSpan(
      `step ${attempt.step}`,
      {
        kind: otel.api.SpanKind.CONSUMER,
        startTime: timeOf(startMs),
        attributes: attemptAttributes(attempt),
        links: [...linkTo(this.claims.get(attempt.claimId)), ...linkTo(this.failed.get(attempt.stepId))],
      },
      parent,
    );
    this.failed.delete(attempt.stepId);
    const context = otel.api.trace.setSpan(parent, span);
    return new SpannedTrace({
      otel,
      parent,
      context,
      span,
      attempt,
      startMs,
      startedAt: performance.now(),
      fields: { trace_id: stored.traceId, ...(span.isRecording() ? { span_id: span.spanContext().spanId } : {}) },
    });
  }

  /** Remembers that a span is still to come. `work` never rejects. */
  later(work: Promise<void>): void {
    this.pending.add(work);
    void work.finally(() => this.pending.delete(work));
  }

  /** Resolves when those that are still to come have come. */
  async settled(): Promise<void> {
    await Promise.all(this.pending);
  }

  /**
   * A further attempt of the step is linked to this one, if it runs here. Called before the failure is written: the next attempt may begin
   * before the outcomes that were written with this one are delivered.
   */
  failing(trace: AttemptTrace, stepId: string): void {
    const { spanContext } = trace;
    if (spanContext !== undefined) remember(this.failed, stepId, spanContext);
  }

  /** The attempt does not count: its span may never end. */
  forget(stepId: string): void {
    this.failed.delete(stepId);
  }
}

interface Open {
  readonly otel: Tracing;
  /** The task's. */
  readonly parent: Context;
  /** In which the handler runs. */
  readonly context: Context;
  readonly span: Span;
  readonly attempt: BegunAttempt;
  readonly startMs: number;
  readonly startedAt: number;
  /** The id of a span that is recorded stays when it has ended: a line that comes later leads to it. */
  readonly fields: TraceFields;
}

/** An attempt of a task that is sampled, in a process with an SDK. */
class SpannedTrace implements AttemptTrace {
  private readonly open: Open;
  private endMs: number | undefined;

  constructor(open: Open) {
    this.open = open;
  }

  get recording(): boolean {
    return this.open.span.isRecording();
  }

  get spanContext(): SpanContext {
    return this.open.span.spanContext();
  }

  get logFields(): TraceFields {
    return this.open.fields;
  }

  run<Result>(call: () => Result): Result {
    return this.open.otel.api.context.with(this.open.context, call);
  }

  handlerEnded(): void {
    this.endMs = this.open.startMs + performance.now() - this.open.startedAt;
  }

  end({ outcome, cause, error, retryAt }: AttemptEnd): void {
    const { otel, span, parent, attempt } = this.open;
    if (!span.isRecording()) return;
    const endMs = this.endMs ?? Date.now();
    const failed = outcome === 'error' || outcome === 'timeout';
    span.setAttributes(attributes({ cause, ...(failed ? { errorType: errorTypeOf(error) } : {}) }));
    if (failed) span.setStatus({ code: otel.api.SpanStatusCode.ERROR });
    span.end(timeOf(endMs));
    if (retryAt !== undefined) backoff(otel, parent, attempt, endMs, retryAt);
  }
}

/** From ready to claimed. */
function wait(
  { tracer }: Tracing,
  parent: Context,
  { queue, step, taskId, attempt, waitedSeconds }: BegunAttempt,
  untilMs: number,
): void {
  if (waitedSeconds < LEAST_WAIT_SECONDS) return;
  tracer
    .startSpan(
      `wait ${queue}`,
      {
        startTime: timeOf(untilMs - waitedSeconds * 1000),
        attributes: attributes({ destination: queue, step, taskId, attempt }),
      },
      parent,
    )
    .end(timeOf(untilMs));
}

/** From the failure to the time of the retry, which lies ahead: an operator may retry sooner. */
function backoff(
  { tracer }: Tracing,
  parent: Context,
  { step, taskId, attempt }: BegunAttempt,
  fromMs: number,
  retryAt: Date,
): void {
  tracer
    .startSpan(
      `backoff ${step}`,
      { startTime: timeOf(fromMs), attributes: attributes({ step, taskId, attempt }) },
      parent,
    )
    .end(timeOf(Math.max(retryAt.getTime(), fromMs)));
}

const linkTo = (context: SpanContext | undefined): Link[] => (context === undefined ? [] : [{ context }]);

const isSampled = (span: Span): boolean => (span.spanContext().traceFlags & 1) === 1;

function remember(map: Map<string, SpanContext>, key: string, context: SpanContext): void {
  map.set(key, context);
  if (map.size > MOST_REMEMBERED) map.delete(map.keys().next().value as string);
}
