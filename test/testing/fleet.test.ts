import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { z } from 'zod';
import { RetryableError } from '../../src/errors.ts';
import { examine } from '../../src/db/doctor/examine.ts';
import { runWorkflow, startTestFleet, type TestFleet } from '../../src/testing/index.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';

const failures = new Map<string, number>();

/** Fails `times` times with each order, and then goes on. */
const pay = defineWorkflow({
  namespace: 'shop',
  name: 'pay',
  input: z.object({ order: z.string(), times: z.number() }),
})
  .step('charge', { retryLimit: 5 }, ({ input, attempt }) => {
    failures.set(input.order, attempt);
    if (attempt <= input.times) throw new RetryableError('busy', { retryAfter: 1800 });
    return { charged: input.order };
  })
  .step('mail', { dependsOn: ['charge'], queue: 'mails' }, ({ parents }) => parents.charge.charged);

describe('a fleet under test', () => {
  let fleet: TestFleet;
  beforeAll(async () => {
    fleet = await startTestFleet({ workflows: pay, url: inject('testRun').adminUrl });
  });
  afterAll(() => fleet.stop());

  test('runs tasks of every queue of its workflows', async () => {
    const { taskId } = await fleet.submit(pay, { order: 'a', times: 0 });
    const task = await fleet.waitFor(taskId);
    expect(task.state).toBe('complete');
    expect(task.steps.map(({ results }) => results)).toEqual([{ charged: 'a' }, 'a']);
  });

  test('advance skips backoffs, and no more of them than it says', async () => {
    const { taskId } = await fleet.submit(pay, { order: 'b', times: 1 });
    const failed = await fleet.waitForStep(taskId, 'charge', 'error');
    const due = failed.steps[0]?.next_retry_at?.getTime() ?? NaN;
    await fleet.advance('20m');
    const waiting = await fleet.waitForStep(taskId, 'charge', 'error');
    expect(due - (waiting.steps[0]?.next_retry_at?.getTime() ?? NaN)).toBe(1_200_000);
    await fleet.advance('10m');
    expect((await fleet.waitFor(taskId)).steps[0]).toMatchObject({ state: 'complete', attempts: 2 });
  });

  test('a wait may skip every backoff, and its history is that of a run in memory', async () => {
    const input = { order: 'c', times: 3 };
    const { taskId } = await fleet.submit(pay, input);
    await fleet.waitFor(taskId, { skipBackoffs: true });
    expect(failures.get('c')).toBe(4);
    const inMemory = await runWorkflow(pay, { input });
    expect(await fleet.snapshot(taskId)).toBe(inMemory.toSnapshot());
  });

  test('advance submits what schedules have in the skipped time', async () => {
    await fleet.client.schedule(pay, { key: 'hourly', cron: '0 * * * *', input: { order: 'd', times: 0 } });
    await fleet.advance('3h');
    const tasks = await fleet.client.listTasks();
    expect(tasks.filter(({ initiator }) => initiator === 'schedule:hourly')).toHaveLength(3);
    // In the skipped time a scheduler lived, so to speak.
    expect(tasks.filter(({ schedule }) => schedule?.made_up === true)).toEqual([]);
    await fleet.advance('30s');
    expect(await fleet.now()).toBeInstanceOf(Date);
    await fleet.client.unschedule('hourly');
  });

  test('what does not come says what it is waiting for', async () => {
    const { taskId } = await fleet.submit(pay, { order: 'e', times: 1 });
    await expect(fleet.waitFor(taskId, { timeoutMs: 300 })).rejects.toThrow(
      /waited 300 ms for the end of task \d+; it is in_progress: charge error \(attempt 1\), mail pending/,
    );
    await expect(fleet.waitForStep(taskId, 'chrage', 'complete')).rejects.toThrow('it has charge, mail');
    await expect(fleet.advance('an hour')).rejects.toThrow("use a text such as '500ms'");
  });

  test('what the doctor says of the database is not changed by the virtual clock', async () => {
    expect(await examine(fleet.client.db)).toEqual([]);
  });
});

test('two fleets live side by side, and each stops once', async () => {
  const url = inject('testRun').adminUrl;
  await using other = await startTestFleet({ workflows: pay, url, workers: 2, scheduler: false });
  await using fleet = await startTestFleet({ workflows: pay, url, scheduler: false });
  expect(fleet.url).not.toBe(other.url);
  expect(await other.client.workers()).toHaveLength(2);
  const { taskId } = await fleet.submit(pay, { order: 'a', times: 0 });
  expect((await fleet.waitFor(taskId)).state).toBe('complete');
  expect(await other.client.listTasks()).toEqual([]);
  await fleet.stop();
});

test('a server on which no database can be made says why', async () => {
  const { adminUrl } = inject('testRun');
  const admin = new Client({ connectionString: adminUrl });
  await admin.connect();
  await admin.query(`CREATE ROLE test_kit_without_rights LOGIN PASSWORD 'x'`);
  try {
    const url = new URL(adminUrl);
    url.username = 'test_kit_without_rights';
    url.password = 'x';
    await expect(startTestFleet({ workflows: pay, url: url.href })).rejects.toThrow('may not create databases');
    await expect(startTestFleet({ workflows: pay, url: 'localhost' })).rejects.toThrow('url is no URL of a PostgreSQL');
  } finally {
    await admin.query('DROP ROLE test_kit_without_rights');
    await admin.end();
  }
});

test('options are checked before anything is started', async () => {
  await expect(startTestFleet({ workflows: pay, workers: -1 })).rejects.toThrow('workers is -1');
  await expect(startTestFleet({ workflows: pay, settings: { slot: 1 } })).rejects.toThrow('did you mean "slots"?');
});
