import { afterAll, expect, it } from 'vitest';
import { z } from 'zod';
import { openDatabase } from '../../src/db/connections/database.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { waitFor } from '../support/wait-for.ts';
import { useWorkers, watched } from './worker-fixture.ts';

const fleet = await useWorkers();
const proxy = await startProxy({ target: fleet.test.url });
afterAll(() => proxy.close());

const workflow = defineWorkflow({ name: 'orphaned', input: z.unknown() })
  .step('root', () => 'done')
  .step('child', { dependsOn: ['root'] }, () => 'done');

/** Another transaction holds a row; resolves to what ends it. */
async function hold(lock: string, values: unknown[]): Promise<() => Promise<void>> {
  const client = await fleet.test.pool.connect();
  await client.query('BEGIN');
  await client.query(lock, values);
  return async () => {
    await client.query('COMMIT');
    client.release();
  };
}

const waiting = (statement: string, times = 1) =>
  waitFor(
    async () =>
      (
        await fleet.test.query(
          `SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database() AND query LIKE $1`,
          [statement],
        )
      ).length >= times,
    { what: `${times} statements like ${statement} to wait for the row` },
  );

/** A worker whose statements go through the proxy, with the numbers of its claim rounds and of its failures. */
async function startWorker() {
  const db = openDatabase({
    url: proxy.url(fleet.test.url),
    poolSize: 4,
    prepared: fleet.test.directUrl !== undefined,
  });
  const { seen, options } = watched();
  const worker = await fleet.start([workflow], {
    db,
    reconcileIntervalMs: 300,
    ...options,
  });
  return { seen, stop: async () => (await worker.stop(), db.close()) };
}

it('a claim that commits after its worker has searched for it is run by that worker', async () => {
  const taskId = await fleet.submit(workflow);
  const letGo = await hold('SELECT FROM tasker.tasker_tasks WHERE task_id = $1 FOR UPDATE', [taskId]);
  const { seen, stop } = await startWorker();
  await waiting('%tasker_step_readiness_statuses%');
  proxy.cutAll();
  await waitFor(() => seen.failures > 0, { what: 'the worker to notice the broken connection' });
  // Another round begins when the search that follows the broken connection is over. It found nothing: nothing is committed.
  const rounds = seen.rounds;
  await waitFor(() => seen.rounds > rounds, { what: 'the worker to go on' });
  await letGo();
  expect(await fleet.taskIn(taskId, ['complete', 'error'])).toBe('complete');
  await stop();
});

it('so are the children that a completion claimed whose response never arrived', async () => {
  const taskId = await fleet.submit(workflow);
  // The completion of the root updates the child's row and waits here; a claim of the root does not.
  const letGo = await hold(
    `SELECT FROM tasker.tasker_workflow_steps WHERE task_id = $1 AND unmet_parents > 0 FOR UPDATE`,
    [taskId],
  );
  const { seen, stop } = await startWorker();
  await waiting('%unnest%');
  proxy.cutAll();
  await waitFor(() => seen.failures > 0, { what: 'the worker to notice the broken connection' });
  // The worker has read that nothing was written, and completes again behind its own first statement.
  await waiting('%unnest%', 2);
  await letGo();
  expect(await fleet.taskIn(taskId, ['complete', 'error'])).toBe('complete');
  await stop();
});

it('a claim whose lease was lost stays until recovery has decided about its steps, however late that is', async () => {
  const attempts: number[] = [];
  const patient = defineWorkflow({ name: 'patient', input: z.unknown() }).step('waits', ({ attempt, signal }) => {
    attempts.push(attempt);
    if (attempt > 1) return 'done';
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve('it does not count')));
  });
  const worker = await fleet.start([patient, workflow]);
  const taskId = await fleet.submit(patient);
  await waitFor(() => worker.busySlots === 1, { what: 'the handler to run' });
  const workerId = worker.lease.last;
  // Recovery skips the claim while another transaction holds its row.
  const letGo = await hold('SELECT FROM tasker.tasker_claims WHERE worker_id = $1 FOR UPDATE', [workerId]);
  await fleet.test.query(
    `UPDATE tasker.tasker_workers SET stopped_at = clock_timestamp(), stop_reason = 'lease_expired' WHERE worker_id = $1`,
    [workerId],
  );
  await waitFor(() => worker.lease.current !== undefined && worker.lease.current !== workerId, { what: 'a new lease' });
  await waitFor(() => worker.busySlots === 0, { what: 'the handler to end' });
  // A claim statement also deletes closed claims: this one would wait for the row that is held.
  await fleet.taskIn(await fleet.submit(workflow), ['complete']);
  await letGo();
  await fleet.taskIn(taskId, ['complete']);
  expect(attempts).toEqual([1, 2]);
});
