import { type Context, context, createContextKey, propagation, trace, TraceFlags } from '@opentelemetry/api';
import { AlwaysOffSampler, AlwaysOnSampler, ParentBasedSampler, type Sampler } from '@opentelemetry/sdk-trace';
import { afterAll, describe, expect, it } from 'vitest';
import { createLogger, defineWorkflow, startTasker } from '../../src/index.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';
import { idOf, parentOf, traceOf, useRecordedSpans } from './recorded-spans.ts';

/** Every third trace that begins is sampled: tasks, and claims. */
let begun = 0;
const decided = [new AlwaysOnSampler(), new AlwaysOffSampler(), new AlwaysOffSampler()] as const;
const everyThird: Sampler = {
  shouldSample: () => (decided[begun++ % 3] as AlwaysOnSampler).shouldSample(),
  toString: () => 'every third',
};

const test = await useTestDatabase();
const recorded = useRecordedSpans(new ParentBasedSampler({ root: everyThird }));
const lines: Record<string, unknown>[] = [];
const log = createLogger({ role: 'test', destination: { write: (line: string) => void lines.push(JSON.parse(line)) } });
const tracer = trace.getTracer('the program');

/** By task: what a handler would send to another service, and the context that a library of its own would keep. */
const seen = new Map<string, { traceparent: string | undefined; kept: Context }>();

const shares = defineWorkflow({ name: 'shares', namespace: 'shop', identity: 'unique' })
  .step('a', async ({ taskId }) => {
    await Promise.resolve();
    const headers: { traceparent?: string } = {};
    propagation.inject(context.active(), headers);
    tracer.startActiveSpan('charge', (span) => span.end());
    seen.set(taskId, { traceparent: headers.traceparent, kept: context.active() });
    return 1;
  })
  .step('b', { dependsOn: ['a'], retryLimit: 2 }, ({ attempt }) => {
    if (attempt === 1) throw new TypeError('declined');
    return 2;
  })
  .step('c', { dependsOn: ['a'] }, () => 3)
  .step('d', { dependsOn: ['b', 'c'] }, () => 4);

const TASKS = 30;
const tasker = await startTasker({
  workflows: [shares],
  url: test.url,
  log,
  settings: { metricsPort: 0, retryBackoffDisabled: true, retrySweepMs: 20, maxStallMs: 120_000 },
});
afterAll(() => tasker.stop());

describe('tasks of which a third is sampled, run together', async () => {
  const submitted: string[] = [];
  const requests = Array.from({ length: TASKS }, (_, n) => ({ input: { n } }));
  for await (const { taskId } of tasker.client.submitMany(shares, requests)) submitted.push(taskId);
  const states = await Promise.all(submitted.map(async (taskId) => (await tasker.client.waitForTask(taskId)).state));
  const stored = new Map(
    (
      await test.query<{ task_id: string; trace_context: string }>(
        'SELECT task_id, trace_context FROM tasker.tasker_tasks',
      )
    ).map((row) => [row.task_id, row.trace_context]),
  );
  const sampled = submitted.filter((taskId) => stored.get(taskId)?.endsWith('-01'));
  const others = submitted.filter((taskId) => stored.get(taskId)?.endsWith('-00'));
  await waitFor(() => recorded.named('run shop/shares').length === sampled.length, { what: 'the spans of the tasks' });
  // A test begins with none.
  const spans = [...recorded.spans];

  it('each sampled one has all of its spans, each below the task or its attempt', () => {
    expect(new Set(states)).toEqual(new Set(['complete']));
    expect([sampled.length, others.length]).toEqual([TASKS / 3, TASKS - TASKS / 3]);
    for (const taskId of sampled) {
      const [, traceId = '', taskSpan = ''] = (stored.get(taskId) ?? '').split('-');
      const own = spans.filter((span) => traceOf(span) === traceId);
      const steps = own.filter(({ name }) => name.startsWith('step '));
      expect(steps.map(({ name, attributes }) => `${name} ${attributes['tasker.attempt']}`).toSorted()).toEqual([
        'step a 1',
        'step b 1',
        'step b 2',
        'step c 1',
        'step d 1',
      ]);
      for (const name of ['task shop/shares', 'run shop/shares', 'backoff b'])
        expect(
          own.filter((span) => span.name === name),
          name,
        ).toHaveLength(1);
      for (const span of own.filter(({ name }) => /^(step|run|backoff|wait) /.test(name)))
        expect(parentOf(span), span.name).toBe(taskSpan);
      const [failed, again] = [1, 2].map((attempt) =>
        steps.find(({ name, attributes }) => name === 'step b' && attributes['tasker.attempt'] === attempt),
      );
      expect(again?.links.map(({ context: { spanId } }) => spanId)).toContain(idOf(failed!));
      expect(parentOf(own.find(({ name }) => name === 'charge')!)).toBe(
        idOf(steps.find(({ name }) => name === 'step a')!),
      );
    }
  });

  it('a link to a claim leads to a span that is there, and what is linked has been claimed by it', () => {
    const claims = new Map(
      spans.filter(({ name }) => name.startsWith('receive ')).map((span) => [idOf(span), span.attributes]),
    );
    const steps = spans.filter(({ name }) => name.startsWith('step '));
    const ids = new Set(spans.map(idOf));
    for (const { links, attributes } of steps)
      for (const { context: linked } of links) {
        expect(ids.has(linked.spanId)).toBe(true);
        const claim = claims.get(linked.spanId);
        if (claim !== undefined) expect(claim['tasker.claim.id']).toBe(attributes['tasker.claim.id']);
      }
  });

  it('of the others nothing is sent, and their handlers are in their trace all the same', () => {
    const sent = new Set(spans.map(traceOf));
    for (const taskId of others) {
      const place = stored.get(taskId) ?? '';
      const [, traceId = '', spanId] = place.split('-');
      expect(sent.has(traceId)).toBe(false);
      const { traceparent, kept } = seen.get(taskId)!;
      expect(traceparent).toBe(place);
      // What a library has kept leads to the same place after the attempt, with whatever is added to it.
      const key = createContextKey('of a library');
      const more = kept.setValue(key, 'kept');
      expect(more.getValue(key)).toBe('kept');
      expect(more.deleteValue(key).getValue(key)).toBeUndefined();
      for (const one of [kept, more, kept.deleteValue(key)])
        expect(trace.getSpanContext(one)).toMatchObject({ traceId, spanId, traceFlags: TraceFlags.NONE });
      expect(context.with(more, () => tracer.startSpan('later').isRecording())).toBe(false);
      expect(lines.find(({ task_id, outcome }) => task_id === taskId && outcome === 'error')).toMatchObject({
        trace_id: traceId,
      });
    }
  });
});
