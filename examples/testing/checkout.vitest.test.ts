import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RetryableError } from '../../src/index.ts';
import { fakeContext, runWorkflow, startTestFleet, type TestFleet } from '../../src/testing/index.ts';
import { checkout } from './checkout.ts';
import './fakes.ts';

const input = { email: 'ada@example.com', amount: 20 };

describe('in memory', () => {
  test('reserve refuses more than is in stock', () => {
    const [reserve] = checkout.steps;
    const context = fakeContext({ input: { ...input, amount: 2000 } });
    expect(() => reserve?.handler(context)).toThrow('not that much in stock');
  });

  test('the history of a provider that is always busy', async () => {
    const run = await runWorkflow(checkout, {
      input,
      mocks: { charge: new RetryableError('busy', { retryAfter: 3600 }) },
    });
    expect(run.elapsedMs).toBe(4 * 3_600_000);
    expect(run.toSnapshot()).toMatchSnapshot();
  });
});

describe('on a fleet', () => {
  let fleet: TestFleet;
  beforeAll(async () => {
    fleet = await startTestFleet({ workflows: checkout, url: process.env['TEST_DATABASE_URL'] });
  });
  afterAll(() => fleet.stop());

  test('a nightly checkout runs every night', async () => {
    await fleet.client.schedule(checkout, { key: 'nightly', cron: '0 3 * * *', input });
    await fleet.advance('2d');
    const tasks = await fleet.client.listTasks({ workflow: 'checkout' });
    expect(tasks).toHaveLength(2);
    for (const { task_id: taskId } of tasks) expect((await fleet.waitFor(taskId)).state).toBe('complete');
  });
});
