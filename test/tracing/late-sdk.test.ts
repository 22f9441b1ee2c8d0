import { afterAll, expect, it, vi } from 'vitest';
import { createLogger, defineWorkflow, startTasker } from '../../src/index.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';
import type { RecordedSpans } from './recorded-spans.ts';

/** How often the package was loaded by code of this repository. */
const loads = vi.hoisted(() => ({ count: 0 }));
vi.mock('@opentelemetry/api', async (original) => {
  loads.count += 1;
  return original();
});

const PLACE = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
const test = await useTestDatabase();
const lines: string[] = [];
const log = createLogger({ role: 'test', destination: { write: (line: string) => void lines.push(line) } });
let recorded: RecordedSpans | undefined;
let loadsBefore: number | undefined;

/** The first attempt gives its task a place in a trace, as a submitter with an SDK does, and registers the SDK of this process. */
const late = defineWorkflow({ name: 'late', namespace: 'shop', identity: 'unique' })
  .step('register', { retryLimit: 2 }, async ({ taskId, attempt }) => {
    if (attempt > 1) return;
    const place = `00-${PLACE.traceId}-${PLACE.spanId}-01`;
    await test.query('UPDATE tasker.tasker_tasks SET trace_context = $2 WHERE task_id = $1', [taskId, place]);
    loadsBefore = loads.count;
    recorded = (await import('./recorded-spans.ts')).recordSpans();
    throw new Error('again');
  })
  .step('next', { dependsOn: ['register'] }, () => null);

const tasker = await startTasker({
  workflows: [late],
  url: test.url,
  log,
  settings: { metricsPort: 0, retryBackoffDisabled: true, retrySweepMs: 50, maxStallMs: 120_000 },
});
afterAll(async () => {
  await tasker.stop();
  const { context, propagation, trace } = await import('@opentelemetry/api');
  for (const api of [trace, context, propagation]) api.disable();
});

it('nothing of OpenTelemetry is loaded before an SDK is registered, and from the next claim on attempts are traced', async () => {
  const { state } = await tasker.client.submitAndWait(late, {});
  expect(state, lines.join('')).toBe('complete');
  expect(loadsBefore).toBe(0);
  await waitFor(() => (recorded?.named('run shop/late').length ?? 0) > 0, { what: 'the span of the task' });
  const spans = ['register', 'next'].flatMap((step) => recorded?.named(`step ${step}`) ?? []);
  expect(spans.map(({ attributes }) => [attributes['tasker.step.name'], attributes['tasker.attempt']])).toEqual([
    ['register', 2],
    ['next', 1],
  ]);
  expect(spans.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual([PLACE.spanId, PLACE.spanId]);
});
