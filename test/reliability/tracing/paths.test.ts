import { afterAll, beforeAll, expect, it } from 'vitest';
import { createClient, createLogger, defineWorkflow, startTasker, type Tasker } from '../../../src/index.ts';
import { fireDue } from '../../../src/schedules/fire-due.ts';
import { useTestDatabase } from '../../support/test-database.ts';
import { waitFor } from '../../support/wait-for.ts';
import { parentOf, idOf, traceOf, useRecordedSpans } from '../../tracing/recorded-spans.ts';

const test = await useTestDatabase();
const recorded = useRecordedSpans();
const log = createLogger({ role: 'test', destination: { write: () => undefined } });

/** a -> b, which fails while `broken`. */
let broken = true;
const pair = defineWorkflow({ name: 'pair', namespace: 'shop', identity: 'unique' })
  .step('a', () => 1)
  .step('b', { dependsOn: ['a'], retryLimit: 1 }, () => {
    if (broken) throw new Error('broken');
    return 2;
  });

const client = createClient({ url: test.url, preparedStatements: test.directUrl !== undefined });
let tasker: Tasker | undefined;
let quarantined: string;
beforeAll(async () => {
  // Before the worker starts: it polls for quarantined steps at once then, and rarely later.
  quarantined = (await client.submit(pair, {})).taskId;
  await test.query(
    `UPDATE tasker.tasker_workflow_steps SET queue = queue || '~quarantine' WHERE workflow_step_id = $1 * 65536 + 1`,
    [quarantined],
  );
});
afterAll(async () => {
  await tasker?.stop();
  await client.close();
});

const start = async (): Promise<Tasker> =>
  (tasker ??= await startTasker({
    workflows: [pair],
    url: test.url,
    log,
    // A worker whose event loop stands still is killed, and here that is the process of the test: on a busy machine it does for seconds.
    settings: { metricsPort: 0, retrySweepMs: 50, pollIntervalMs: 10, maxStallMs: 120_000 },
  }));

const placeOf = async (taskId: string): Promise<string | undefined> =>
  (
    await test.query<{ place: string }>('SELECT trace_context AS place FROM tasker.tasker_tasks WHERE task_id = $1', [
      taskId,
    ])
  )[0]?.place;

/** The steps of a task that have spans, one for each attempt, in the trace that is stored with it; awaits as many as are `expected`. */
async function tracedSteps(taskId: string, expected: number): Promise<string[]> {
  const place = await placeOf(taskId);
  const spans = () =>
    recorded.spans.filter(
      ({ name, attributes }) => name.startsWith('step ') && attributes['tasker.task.id'] === taskId,
    );
  await waitFor(() => spans().length >= expected, { what: `the spans of task ${taskId}` });
  return spans()
    .filter((span) => place === `00-${traceOf(span)}-${parentOf(span)}-01`)
    .map(({ name }) => name.slice('step '.length))
    .toSorted();
}

it('steps in quarantine are in the trace of their task', async () => {
  broken = false;
  await start();
  await client.waitForTask(quarantined);
  expect(await tracedSteps(quarantined, 2)).toEqual(['a', 'b']);
});

it('an occurrence of a schedule begins a trace', async () => {
  broken = false;
  await start();
  await client.schedule(pair, { key: 'hourly', cron: '30 * * * *', input: {} });
  await test.query(`UPDATE tasker_cron.schedule SET data = data || '{"since": "2026-01-01T00:00:00Z"}'`);
  const { fired } = await fireDue(client.db, 'tasker_cron', { key: 'hourly', now: new Date('2026-01-01T00:31:00Z') });
  await client.unschedule('hourly');
  const taskId = fired[0]?.taskId as string;
  const [task] = recorded.named('task shop/pair');
  expect(await placeOf(taskId)).toBe(`00-${traceOf(task!)}-${idOf(task!)}-01`);
  await client.waitForTask(taskId);
  expect(await tracedSteps(taskId, 2)).toEqual(['a', 'b']);
});

it('a bulk retry and a rerun: the attempts of a retry are in the trace of the task, and a rerun has one of its own', async () => {
  broken = true;
  await start();
  const taskIds: string[] = [];
  for (const _ of [1, 2]) taskIds.push((await client.submit(pair, {})).taskId);
  for (const taskId of taskIds)
    await waitFor(async () => (await client.getTask(taskId))?.state === 'error', { what: 'the failure' });
  broken = false;
  const previewed = await client.operations.preview({ action: 'retry', taskIds, by: 'ann', canary: 0 });
  await client.operations.start(previewed?.token ?? '', { by: 'ann' });
  for (const taskId of taskIds) await client.waitForTask(taskId);
  for (const taskId of taskIds) expect(await tracedSteps(taskId, 3)).toEqual(['a', 'b', 'b']);

  const again = await client.rerun(taskIds[0] as string);
  if (again.outcome !== 'created') throw new Error(again.outcome);
  await client.waitForTask(again.taskId);
  expect(await tracedSteps(again.taskId, 2)).toEqual(['a', 'b']);
  expect(await placeOf(again.taskId)).not.toBe(await placeOf(taskIds[0] as string));
});
