import type { Context } from '@opentelemetry/api';
import type { AttemptTrace, TraceFields } from './attempt-trace.ts';
import { contextOf, type Tracing, tracing } from './otel.ts';
import { readStoredContext } from './stored-context.ts';

/**
 * The trace of an attempt that has no span: its task is not sampled, or this process has no SDK. Most attempts of a fleet that samples are
 * such, and thousands of them wait for their outcome to be recorded. So it is at once the context in which the handler runs, and
 * the place of the task in its trace is read when a library asks for it, or a line is logged.
 */
export class UnsampledTrace implements AttemptTrace, Context {
  private readonly traceContext: string;
  /** Of the time at which the handler began; before, nobody has this as a context. */
  private otel: Tracing | undefined;
  private read: Context | undefined;

  constructor(traceContext: string) {
    this.traceContext = traceContext;
    this.otel = undefined;
    this.read = undefined;
  }

  get recording(): boolean {
    return false;
  }

  get spanContext(): undefined {
    return undefined;
  }

  get logFields(): TraceFields | undefined {
    const stored = readStoredContext(this.traceContext);
    return stored === undefined ? undefined : { trace_id: stored.traceId };
  }

  run<Result>(call: () => Result): Result {
    this.otel = tracing();
    return this.otel === undefined ? call() : this.otel.api.context.with(this, call);
  }

  handlerEnded(): void {}

  end(): void {}

  getValue(key: symbol): unknown {
    return this.context.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    return this.context.setValue(key, value);
  }

  deleteValue(key: symbol): Context {
    return this.context.deleteValue(key);
  }

  private get context(): Context {
    const otel = this.otel as Tracing;
    if (this.read === undefined) {
      const stored = readStoredContext(this.traceContext);
      this.read = stored === undefined ? otel.api.ROOT_CONTEXT : contextOf(otel, stored);
    }
    return this.read;
  }
}
