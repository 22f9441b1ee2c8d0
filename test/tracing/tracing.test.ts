import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AlwaysOffSampler, AlwaysOnSampler, ParentBasedSampler, type Sampler } from '@opentelemetry/sdk-trace';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { createLogger, defineWorkflow, startTasker, type Tasker } from '../../src/index.ts';
import { claim } from '../../src/engine/claim.ts';
import { recover } from '../../src/engine/recover.ts';
import { tracingProblem } from '../../src/tracing/otel.ts';
import { register } from '../support/register-process.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';
import { idOf, parentOf, traceOf, useRecordedSpans } from './recorded-spans.ts';

/** As a program's sampler, which a test can turn off. */
let sampling: 'on' | 'off' = 'on';
const decided = { on: new AlwaysOnSampler(), off: new AlwaysOffSampler() };
const root: Sampler = { shouldSample: () => decided[sampling].shouldSample(), toString: () => 'test' };

const test = await useTestDatabase();
const recorded = useRecordedSpans(new ParentBasedSampler({ root }));
const lines: Record<string, unknown>[] = [];
const log = createLogger({ role: 'test', destination: { write: (line: string) => void lines.push(JSON.parse(line)) } });
const tracer = trace.getTracer('the program');

/** `pay` calls something with a span of its own, and fails as often as the input says. */
const order = defineWorkflow({ name: 'traced', namespace: 'shop', version: '2.0.0', identity: 'unique' })
  .step('pay', { retryLimit: 5 }, ({ attempt, input, log: lineOf }) => {
    tracer.startActiveSpan('charge', (span) => span.end());
    lineOf.info('charging');
    const { failures = 0 } = input as { failures?: number };
    if (attempt <= failures) throw new TypeError('declined');
    return attempt;
  })
  .step('ship', { dependsOn: ['pay'] }, () => 'shipped');
const held = defineWorkflow({ name: 'held', namespace: 'shop', identity: 'unique' }).step(
  'hold',
  { queue: 'held' },
  () => 1,
);

const tasker = await startTasker({
  workflows: [order],
  url: test.url,
  log,
  settings: {
    metricsPort: 0,
    retryBackoffDisabled: true,
    retrySweepMs: 50,
    dashboardUrl: 'https://tasker.example/ui/',
    maxStallMs: 120_000,
  },
});
const { client } = tasker;
afterAll(() => tasker.stop());
afterEach(() => {
  sampling = 'on';
  lines.length = 0;
});

const stored = async (taskId: string): Promise<string | null> =>
  (
    await test.query<{ trace_context: string | null }>(
      'SELECT trace_context FROM tasker.tasker_tasks WHERE task_id = $1',
      [taskId],
    )
  )[0]?.trace_context ?? null;

/** Submits in a span of the program, as a server does in the span of a request, and waits for the end and for its span. */
async function run(of: Tasker, input: { failures?: number }, options: { waits?: boolean } = {}) {
  const request = tracer.startSpan('POST /orders', { kind: SpanKind.SERVER });
  const task = await context.with(trace.setSpan(context.active(), request), () =>
    of.client.submitAndWait(order, input),
  );
  request.end();
  if (options.waits !== false)
    await waitFor(async () => recorded.named('run shop/traced').length > 0, { what: 'the span of the task' });
  return { taskId: task.submitted.taskId, request: request.spanContext() };
}

describe('a task in a program with an SDK', () => {
  it('is a trace of its own, linked to the submit, with a span for each attempt in which the handler runs', async () => {
    const { taskId, request } = await run(tasker, {});
    const [send] = recorded.named('send shop/traced');
    const [task] = recorded.named('task shop/traced');
    expect(send?.kind).toBe(SpanKind.PRODUCER);
    expect(send?.attributes).toMatchObject({
      'messaging.operation.type': 'send',
      'tasker.task.id': taskId,
      'tasker.outcome': 'created',
    });
    expect(parentOf(send!)).toBe(request.spanId);
    for (const span of [send, task])
      expect(span?.attributes['tasker.url'], span?.name).toBe(`https://tasker.example/ui/tasks/${taskId}`);
    expect(task?.links.map(({ context: { spanId } }) => spanId)).toEqual([idOf(send!)]);
    expect(traceOf(task!)).not.toBe(request.traceId);
    expect(await stored(taskId)).toBe(`00-${traceOf(task!)}-${idOf(task!)}-01`);
    expect((await client.getTask(taskId))?.trace_id).toBe(traceOf(task!));

    const [pay, ship] = [...recorded.named('step pay'), ...recorded.named('step ship')];
    for (const [step, name] of [
      [pay!, 'pay'],
      [ship!, 'ship'],
    ] as const) {
      expect(parentOf(step)).toBe(idOf(task!));
      expect(step.kind).toBe(SpanKind.CONSUMER);
      expect(step.status.code).toBe(SpanStatusCode.UNSET);
      expect(step.attributes).toMatchObject({
        'messaging.system': 'tasker',
        'messaging.destination.name': 'default',
        'tasker.namespace': 'shop',
        'tasker.workflow': 'traced',
        'tasker.version': '2.0.0',
        'tasker.task.id': taskId,
        'tasker.step.name': name,
        'tasker.attempt': 1,
        'tasker.cause': 'complete',
        'tasker.worker.id': tasker.worker.workerId,
      });
    }
    // What the handler calls is below its attempt, and its lines name it.
    expect(parentOf(recorded.named('charge')[0]!)).toBe(idOf(pay!));
    expect(lines.find(({ message }) => message === 'charging')).toMatchObject({
      trace_id: traceOf(task!),
      span_id: idOf(pay!),
    });

    // A claim that found something, to which the attempts of its steps are linked.
    const [receive] = recorded.named('receive default');
    expect(receive?.attributes).toMatchObject({ 'messaging.batch.message_count': 1 });
    expect(pay?.links.map(({ context: { spanId } }) => spanId)).toEqual([idOf(receive!)]);
    const [whole] = recorded.named('run shop/traced');
    expect(parentOf(whole!)).toBe(idOf(task!));
    expect(whole?.attributes).toMatchObject({ 'tasker.task.state': 'complete' });
    expect(whole!.startTime[0] * 1e9 + whole!.startTime[1]).toBeLessThan(pay!.startTime[0] * 1e9 + pay!.startTime[1]);
  });

  it('has a span for each failed attempt and its backoff; the next attempt is linked to it', async () => {
    await run(tasker, { failures: 2 });
    const attempts = recorded.named('step pay');
    expect(
      attempts.map(({ attributes, status: { code, message } }) => [attributes['tasker.attempt'], code, message]),
    ).toEqual([
      [1, SpanStatusCode.ERROR, undefined],
      [2, SpanStatusCode.ERROR, undefined],
      [3, SpanStatusCode.UNSET, undefined],
    ]);
    expect(attempts[0]?.attributes).toMatchObject({ 'error.type': 'TypeError', 'tasker.cause': 'fail' });
    expect(attempts[1]?.links.map(({ context: { spanId } }) => spanId)).toContain(idOf(attempts[0]!));
    expect(recorded.named('backoff pay')).toHaveLength(2);
    // What was thrown may repeat an input: it is in the log and the history, not in the trace.
    expect(JSON.stringify(attempts.map(({ attributes, events }) => [attributes, events]))).not.toContain('declined');
    const failed = lines.filter(({ message }) => message === 'step failed and will be tried again');
    expect(failed.map(({ span_id }) => span_id)).toEqual(attempts.slice(0, 2).map(idOf));
  });

  it('sends nothing if it is not sampled, not even spans of its handlers', async () => {
    sampling = 'off';
    const { taskId } = await run(tasker, { failures: 1 }, { waits: false });
    sampling = 'on';
    expect(await stored(taskId)).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(recorded.spans).toEqual([]);
    const line = lines.find(({ message }) => message === 'charging');
    expect(line).toMatchObject({ trace_id: (await client.getTask(taskId))?.trace_id });
    expect(line).not.toHaveProperty('span_id');
  });

  it('is a trace for each of many that are submitted at once, all linked to the one submit; none for one that was there before', async () => {
    const keyed = defineWorkflow({ name: 'keyed', namespace: 'shop', identity: 'caller_key' }).step(
      'hold',
      { queue: 'held' },
      () => 1,
    );
    const requests = ['a', 'b', 'a'].map((key) => ({ key, input: {} }));
    const submitted: { taskId: string }[] = [];
    for await (const one of client.submitMany(keyed, requests)) submitted.push(one);
    const [send] = recorded.named('send shop/keyed');
    expect(send?.attributes).toMatchObject({ 'messaging.batch.message_count': 3 });
    const roots = recorded.named('task shop/keyed');
    expect(roots.map(({ attributes }) => attributes['tasker.task.id'])).toEqual(
      submitted.slice(0, 2).map(({ taskId }) => taskId),
    );
    expect(roots.map(({ attributes }) => attributes['tasker.url'])).toEqual(
      submitted.slice(0, 2).map(({ taskId }) => `https://tasker.example/ui/tasks/${taskId}`),
    );
    expect(send?.attributes).not.toHaveProperty('tasker.url');
    expect(new Set(roots.map(traceOf)).size).toBe(2);
    expect(roots.every(({ links }) => links[0]?.context.spanId === idOf(send!))).toBe(true);
  });

  it('that is cancelled: the act is linked to its trace, which ends', async () => {
    const { taskId } = await client.submit(held, {});
    await client.cancel(taskId, { by: 'ann' });
    expect(await client.cancel(taskId)).toMatchObject({ outcome: 'refused' });
    const [act, refused] = recorded.named('act task.cancel');
    const [task] = recorded.named('task shop/held');
    expect(act?.attributes).toMatchObject({
      'tasker.act': 'task.cancel',
      'tasker.task.id': taskId,
      'enduser.id': 'ann',
      'tasker.outcome': 'cancelled',
    });
    expect(act?.links.map(({ context: { spanId } }) => spanId)).toEqual([idOf(task!)]);
    expect(refused?.attributes).toMatchObject({ 'tasker.outcome': 'refused' });
    expect(recorded.named('run shop/held').map(({ attributes }) => attributes['tasker.task.state'])).toEqual([
      'cancelled',
    ]);
  });

  it('run again is a new trace', async () => {
    const { taskId } = await run(tasker, {});
    const again = await client.rerun(taskId);
    if (again.outcome !== 'created') throw new Error(again.outcome);
    await client.waitForTask(again.taskId);
    expect(recorded.named('task shop/traced').map(({ attributes }) => attributes['tasker.task.id'])).toEqual([
      taskId,
      again.taskId,
    ]);
    // The submit is part of the act.
    expect(parentOf(recorded.named('send shop/traced')[1]!)).toBe(idOf(recorded.named('act task.rerun')[0]!));
  });
});

describe('an attempt whose process died', () => {
  it('is ended by whoever recovers it, once', async () => {
    const { taskId } = await client.submit(held, {});
    const workerId = await register(client.db, {
      role: 'worker',
      name: 'gone:1',
      leaseSeconds: 5,
      queues: ['held'],
      slots: 1,
      version: '0',
      sessionLock: null,
    });
    const [{ named_task_id: id }] = (await test.query<{ named_task_id: number }>(
      'SELECT named_task_id FROM tasker.tasker_tasks WHERE task_id = $1',
      [taskId],
    )) as [{ named_task_id: number }];
    const [step] = await claim(client.db, { workerId, queue: 'held', namedTaskIds: [id], limit: 1 });
    await test.query(
      `UPDATE tasker.tasker_workers SET stopped_at = clock_timestamp(), stop_reason = 'lease_expired' WHERE worker_id = $1`,
      [workerId],
    );
    // Here, or by the scheduler beside it.
    await recover(client.db, { silentSeconds: 3 });
    await waitFor(async () => recorded.named('step hold').length > 0, { what: 'the span of the lost attempt' });
    const [task] = recorded.named('task shop/held');
    const [lost, ...others] = recorded.named('step hold');
    expect(others).toEqual([]);
    expect(parentOf(lost!)).toBe(idOf(task!));
    expect(lost?.status.code).toBe(SpanStatusCode.ERROR);
    expect(lost?.attributes).toMatchObject({
      'error.type': 'lease_expired',
      'tasker.cause': 'lease_expired',
      'tasker.attempt': 1,
      'tasker.claim.id': step?.claimId,
      'tasker.worker.id': workerId,
      'tasker.worker.name': 'gone:1',
      'tasker.step.name': 'hold',
    });
    await client.cancel(taskId);
  });
});

describe('TASKER_TRACE', () => {
  const withMode = async (mode: 'off' | 'parent'): Promise<Tasker> =>
    startTasker({
      workflows: [order],
      url: test.url,
      log,
      scheduler: false,
      settings: { metricsPort: 0, trace: mode },
    });

  it('parent: a task goes on with the trace of its submit', async () => {
    const other = await withMode('parent');
    try {
      const { taskId, request } = await run(other, {});
      const [send] = recorded.named('send shop/traced');
      expect(await stored(taskId)).toBe(`00-${request.traceId}-${idOf(send!)}-01`);
      expect(recorded.named('task shop/traced')).toEqual([]);
      expect(recorded.named('step ship').map(parentOf)).toEqual([idOf(send!)]);
      expect(recorded.named('step pay').map(traceOf)).toEqual([request.traceId]);
    } finally {
      await other.stop();
    }
  });

  it('off: nothing is traced and nothing is stored', async () => {
    const other = await withMode('off');
    try {
      const { taskId } = await run(other, {}, { waits: false });
      expect(await stored(taskId)).toBeNull();
      expect(recorded.spans.map(({ name }) => name)).toEqual(['charge', 'POST /orders']);
      expect(tracingProblem()).toBeUndefined();
    } finally {
      await other.stop();
    }
  });
});
