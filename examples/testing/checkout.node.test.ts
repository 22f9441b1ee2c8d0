import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { RetryableError } from '../../src/index.ts';
import { crashAtEveryBoundary, fakeContext, inTurn, runWorkflow, startTestFleet } from '../../src/testing/index.ts';
import { checkout } from './checkout.ts';
import './fakes.ts';

const input = { email: 'ada@example.com', amount: 20 };

test('reserve refuses more than is in stock', () => {
  const [reserve] = checkout.steps;
  assert.throws(() => reserve?.handler(fakeContext({ input: { ...input, amount: 2000 } })), /not that much in stock/);
});

test('a busy provider is asked again', async () => {
  const run = await runWorkflow(checkout, {
    input,
    mocks: {
      charge: inTurn(new Error('timeout'), new RetryableError('busy', { retryAfter: 3600 }), { receipt: 'r-1' }),
    },
  });
  assert.equal(run.state, 'complete');
  assert.equal(run.steps.charge.attempts, 3);
  assert.deepEqual(run.results.charge, { receipt: 'r-1' });
  // Two seconds and an hour, in milliseconds of virtual time.
  assert.equal(run.elapsedMs, 3_602_000);
});

test('a provider that does not answer times out', async () => {
  const run = await runWorkflow(checkout, {
    input,
    mocks: {
      charge: ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    },
  });
  assert.equal(run.state, 'error');
  assert.equal(run.steps.charge.error?.name, 'StepTimeout');
  assert.equal(run.steps.mail.state, 'pending');
});

test('the workflow runs on a fleet', async () => {
  const fleet = await startTestFleet({ workflows: checkout });
  after(() => fleet.stop());
  const { taskId } = await fleet.submit(checkout, input);
  const task = await fleet.waitFor(taskId, { skipBackoffs: true });
  assert.equal(task.state, 'complete');
  assert.equal(await fleet.snapshot(taskId), (await runWorkflow(checkout, { input })).toSnapshot());
});

test('no crash charges twice', async () => {
  const report = await crashAtEveryBoundary(checkout, {
    module: new URL('./checkout.ts', import.meta.url),
    setup: new URL('./fakes.ts', import.meta.url),
    input,
  });
  const verdicts = Object.fromEntries(report.steps.map(({ name, verdict }) => [name, verdict]));
  // Two mails are accepted here; if they were not: report.assertOk().
  assert.deepEqual(verdicts, { reserve: 'not judged', charge: 'idempotent', mail: 'not idempotent' });
  console.log(String(report));
});
