import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  InMemorySpanExporter,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { afterAll, beforeEach } from 'vitest';

export interface RecordedSpans {
  /** What has been exported since the test began. */
  readonly spans: readonly ReadableSpan[];
  named(name: string): ReadableSpan[];
}

/** Registers an SDK, as a program would, whose spans stay in memory. */
export function recordSpans(sampler?: Sampler): RecordedSpans & { reset(): void } {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
    ...(sampler === undefined ? {} : { sampler }),
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  return {
    reset: () => exporter.reset(),
    get spans() {
      return exporter.getFinishedSpans();
    },
    named: (name) => exporter.getFinishedSpans().filter((span) => span.name === name),
  };
}

/** The same for the tests of this file. */
export function useRecordedSpans(sampler?: Sampler): RecordedSpans {
  const recorded = recordSpans(sampler);
  beforeEach(() => recorded.reset());
  afterAll(() => {
    for (const api of [trace, context, propagation]) api.disable();
  });
  return recorded;
}

export const parentOf = (span: ReadableSpan): string | undefined => span.parentSpanContext?.spanId;
export const idOf = (span: ReadableSpan): string => span.spanContext().spanId;
export const traceOf = (span: ReadableSpan): string => span.spanContext().traceId;
