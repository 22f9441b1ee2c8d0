import type { AttemptFacts } from './attributes.ts';

/** An attempt that begins. */
export interface BegunAttempt extends AttemptFacts {
  /** From ready to claimed. */
  readonly waitedSeconds: number;
}

/** How an attempt ended. `retryAt`: when the step is tried again. `cause`: as the history has it. */
export interface AttemptEnd {
  readonly outcome: 'complete' | 'error' | 'timeout' | 'released' | 'lost';
  readonly cause: string;
  readonly error?: { readonly name: string; readonly code?: unknown } | undefined;
  readonly retryAt?: Date | undefined;
}

/** `TraceState` of OpenTelemetry. */
interface SpanState {
  set(key: string, value: string): SpanState;
  unset(key: string): SpanState;
  get(key: string): string | undefined;
  serialize(): string;
}

/** `SpanContext` of OpenTelemetry, whose package a program need not have: this is in the declarations that every program compiles against. */
interface SpanPlace {
  traceId: string;
  spanId: string;
  isRemote?: boolean;
  traceFlags: number;
  traceState?: SpanState;
}

/** The place of an attempt in a trace, as fields of a log line. */
export interface TraceFields {
  readonly trace_id: string;
  readonly span_id?: string;
}

/** The trace of one attempt, from its begin until its outcome is recorded. */
export interface AttemptTrace {
  /** A span of this attempt may be exported. */
  readonly recording: boolean;
  /** Undefined: what its task keeps is no place in a trace. */
  readonly logFields: TraceFields | undefined;
  /** Calls the handler with the attempt's span as the active one, or in the trace of the task if that is not sampled: what it begins is not either. */
  run<Result>(call: () => Result): Result;
  /** The handler has ended; the span is ended with this time when the outcome is recorded. */
  handlerEnded(): void;
  /** For links; undefined: there is no span. */
  readonly spanContext: SpanPlace | undefined;
  end(end: AttemptEnd): void;
}
