import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { TracerProvider } from '@opentelemetry/sdk-trace';
import { afterEach, expect, it } from 'vitest';
import { loadedTracing } from '../../src/tracing/otel.ts';
import { UnsampledTrace } from '../../src/tracing/unsampled-trace.ts';

const PLACE = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
const TEXT = `00-${PLACE.traceId}-${PLACE.spanId}-00`;

/** Counts how often the text is read. */
class CountedText extends String {
  reads = 0;
  override toString(): string {
    this.reads += 1;
    return TEXT;
  }
}
const asText = (text: CountedText): string => text as unknown as string;

async function registerSdk(): Promise<void> {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager());
  trace.setGlobalTracerProvider(new TracerProvider({}));
  await loadedTracing();
}

afterEach(() => {
  for (const api of [trace, context]) api.disable();
});

it('without an SDK a handler is just called', () => {
  const text = new CountedText(TEXT);
  expect(new UnsampledTrace(asText(text)).run(() => 7)).toBe(7);
  expect(text.reads).toBe(0);
});

it('with an SDK its place is read when somebody asks for it, and once', async () => {
  await registerSdk();
  const text = new CountedText(TEXT);
  const unsampled = new UnsampledTrace(asText(text));
  expect(unsampled.run(() => text.reads)).toBe(0);
  unsampled.handlerEnded();
  unsampled.end();
  expect(unsampled.spanContext).toBeUndefined();
  expect(text.reads).toBe(0);
  const active = unsampled.run(() => [trace.getActiveSpan(), trace.getActiveSpan()]);
  expect(active.map((span) => span?.spanContext())).toMatchObject([PLACE, PLACE]);
  expect(active[0]?.isRecording()).toBe(false);
  expect(text.reads).toBe(1);
});

it('what is no place in a trace is none', async () => {
  await registerSdk();
  const unsampled = new UnsampledTrace('somewhere');
  expect(unsampled.logFields).toBeUndefined();
  expect(unsampled.run(() => trace.getActiveSpan())).toBeUndefined();
  const more = unsampled.run(() => context.active().setValue(Symbol.for('key'), 1));
  expect(more.getValue(Symbol.for('key'))).toBe(1);
  expect(trace.getSpanContext(more)).toBeUndefined();
});
