import { expect, it } from 'vitest';
import { z } from 'zod';
import { claim } from '../../src/engine/claim.ts';
import { registerWorkflow } from '../../src/engine/register-workflow.ts';
import { registerIn } from '../../src/engine/workers.ts';
import { register } from '../support/register-process.ts';
import { createClient, defineWorkflow, migrateToLatest } from '../../src/index.ts';
import { waitFor } from '../support/wait-for.ts';
import { noEvents, useWorkers } from './worker-fixture.ts';

const fleet = await useWorkers();
const shop = (name: string, answer: () => unknown) =>
  defineWorkflow({ namespace: 'shop', name, input: z.unknown() }).step('pay', answer);

let times = 0;

/** Another installation behind the same name, from one moment to the next, as if a server takes the place of another. */
async function loseEverything(): Promise<void> {
  times += 1;
  await migrateToLatest(fleet.test.directUrl ?? fleet.test.url, { schema: `fresh_${times}` });
  await fleet.test.query(
    `DO $$ BEGIN ALTER SCHEMA tasker RENAME TO former_${times}; ALTER SCHEMA fresh_${times} RENAME TO tasker; END $$`,
  );
}

const registration = {
  role: 'worker',
  name: 'by hand',
  version: '0',
  queues: ['default'],
  slots: 1,
  leaseSeconds: 60,
  sessionLock: null,
} as const;

it('a worker whose database was made anew registers again before it claims, and runs no other workflow under its former ids', async () => {
  const lost: string[] = [];
  const installations: [string, string][] = [];
  const events = {
    ...noEvents,
    leaseLost: (id: string) => void lost.push(id),
    joined: (id: string, former: string) => void installations.push([id, former]),
  };
  const refund = shop('refund', () => 'refunded');
  const payout = shop('payout', () => 'paid out');
  const worker = await fleet.start([refund], { events });
  const workerId = worker.lease.last;
  await loseEverything();
  const stranger = createClient({ url: fleet.test.url });
  try {
    // Takes the id that the worker has for its own workflow.
    const { taskId } = await stranger.submit(payout, {});
    await waitFor(() => worker.lease.current !== undefined && worker.lease.current !== workerId, {
      what: 'the worker to join again',
    });
    const own = await fleet.submit(refund);
    await fleet.taskIn(own, ['complete']);
    expect(await fleet.results(own)).toEqual({ pay: 'refunded' });
    expect(await fleet.taskIn(taskId, ['pending'])).toBe('pending');
    expect(lost).toEqual([workerId]);
    const [first, second] = installations;
    expect(first?.[1]).toBe('');
    expect(second?.[1]).toBe(first?.[0]);
    expect(second?.[0]).not.toBe(first?.[0]);
    expect(worker.installationId).toBe(second?.[0]);
  } finally {
    await stranger.close();
  }
});

it('an attempt is aborted if the database lost its claim, and nothing is written for it', async () => {
  await loseEverything();
  let aborted: unknown;
  const slow = shop('slow', () => undefined);
  const waits = defineWorkflow({ namespace: 'shop', name: 'waits', input: z.unknown() }).step(
    'pay',
    ({ signal }) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          aborted = signal.reason;
          resolve('too late');
        });
      }),
  );
  const worker = await fleet.start([slow, waits]);
  const taskId = await fleet.submit(waits);
  await waitFor(() => worker.busySlots === 1, { what: 'the handler to run' });
  await loseEverything();
  // The same id, and another task.
  const other = await fleet.submit(slow);
  expect(other).toBe(taskId);
  await waitFor(() => aborted !== undefined, { what: 'the abort' });
  expect(aborted).toMatchObject({ abortCause: 'claim_lost' });
  await fleet.taskIn(other, ['complete']);
  expect(await fleet.results(other)).toEqual({ pay: null });
  expect(
    await fleet.test.query('SELECT to_state FROM tasker.tasker_workflow_step_transitions ORDER BY sort_key'),
  ).toEqual([{ to_state: 'in_progress' }, { to_state: 'complete' }]);
});

it('ids of processes never come back, whatever the database lost', async () => {
  const before = await Promise.all(Array.from({ length: 20 }, () => register(fleet.db, registration)));
  await loseEverything();
  const after = await Promise.all(Array.from({ length: 20 }, () => register(fleet.db, registration)));
  const all = [...before, ...after];
  expect(new Set(all).size).toBe(40);
  // Exact in a JSON reader that reads them as numbers, and beyond every sequence.
  for (const id of all) {
    expect(Number.isSafeInteger(Number(id))).toBe(true);
    expect(Number(id)).toBeGreaterThanOrEqual(2 ** 52);
  }
});

it('nothing is claimed under a process that this state of the database does not have', async () => {
  const workflow = shop('fenced', () => 1);
  const namedTaskId = await registerWorkflow(fleet.db, workflow);
  const former = await register(fleet.db, registration);
  await loseEverything();
  expect(await registerWorkflow(fleet.db, workflow)).toBe(namedTaskId);
  await fleet.submit(workflow);
  const request = { queue: 'default', namedTaskIds: [namedTaskId], limit: 4 };
  expect(await claim(fleet.db, { ...request, workerId: former })).toEqual([]);
  const workerId = await register(fleet.db, registration);
  expect(await claim(fleet.db, { ...request, workerId })).toHaveLength(1);
});

it('a process joins only the state of the database that it has read', async () => {
  await loseEverything();
  const namedTaskId = await registerWorkflow(
    fleet.db,
    shop('known', () => 1),
  );
  const [row] = await fleet.test.query<{ id: string }>('SELECT installation_id AS id FROM tasker.tasker_installation');
  const known = {
    installationId: row?.id as string,
    workflows: [{ namedTaskId, namespace: 'shop', name: 'known', version: '0.1.0' }],
  };
  expect((await registerIn(fleet.db, registration, known))?.workerId).toMatch(/^\d{16}$/);
  const wrong = [
    { ...known, installationId: '00000000-0000-4000-8000-000000000000' },
    ...(['namespace', 'name', 'version'] as const).map((field) => ({
      ...known,
      workflows: known.workflows.map((workflow) => ({ ...workflow, [field]: 'other' })),
    })),
    { ...known, workflows: known.workflows.map((workflow) => ({ ...workflow, namedTaskId: namedTaskId + 1 })) },
  ];
  for (const state of wrong) expect(await registerIn(fleet.db, registration, state)).toBeUndefined();
});

it('names the remedy if the identity is gone', async () => {
  await fleet.test.query('DELETE FROM tasker.tasker_installation');
  await expect(fleet.start([shop('nowhere', () => 1)])).rejects.toThrow(
    /tasker_installation .* is empty.*INSERT INTO "tasker".tasker_installation DEFAULT VALUES/,
  );
  await loseEverything();
});
