import { createTraceState } from '@opentelemetry/api';
import { expect, it } from 'vitest';
import { fillLink } from '../../src/tracing/links.ts';
import { readStoredContext, storedContextText, traceIdOf } from '../../src/tracing/stored-context.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';

it('a context comes back from its text, with the state of the trace and whether it is sampled', () => {
  const text = storedContextText({ traceId, spanId, traceFlags: 1, traceState: createTraceState('a=1,b=2') });
  expect(text).toBe(`00-${traceId}-${spanId}-01 a=1,b=2`);
  expect(readStoredContext(text)).toEqual({ traceId, spanId, sampled: true, traceState: 'a=1,b=2' });
  expect(storedContextText({ traceId, spanId, traceFlags: 0 })).toBe(`00-${traceId}-${spanId}-00`);
  expect(readStoredContext(`00-${traceId}-${spanId}-00`)?.sampled).toBe(false);
  expect(traceIdOf(text)).toBe(traceId);
});

it('a state that is too long is left out', () => {
  const traceState = createTraceState(`a=${'x'.repeat(200)},b=${'x'.repeat(200)},c=${'x'.repeat(200)}`);
  expect(storedContextText({ traceId, spanId, traceFlags: 1, traceState })).toBe(`00-${traceId}-${spanId}-01`);
});

it.each([
  '',
  'junk',
  `00-${'0'.repeat(32)}-${spanId}-01`,
  `00-${traceId}-${'0'.repeat(16)}-01`,
  `01-${traceId}-${spanId}-01`,
])('%j is no context, and its task is not traced', (text) => {
  expect(readStoredContext(text)).toBeUndefined();
  expect(traceIdOf(text)).toBeNull();
});

it('a link has the values in their places, and is none if one is missing', () => {
  const template = 'https://x.example/{trace_id}?task={task_id}';
  expect(fillLink(template, { trace_id: 'a b', task_id: '7' })).toBe('https://x.example/a%20b?task=7');
  expect(fillLink(template, { task_id: '7' })).toBeUndefined();
  expect(fillLink(undefined, { task_id: '7' })).toBeUndefined();
});
