import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../src/db/connections/database.ts';
import { examine } from '../../src/db/doctor/examine.ts';
import { registerWorkflow } from '../../src/engine/register-workflow.ts';
import { submit } from '../../src/engine/submit.ts';
import { type TestProcess, useProcesses } from '../support/processes.ts';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';
import { patient } from './half-open-workflows.ts';

const test = await useTestDatabase();
const processes = useProcesses();
const STEPS = 5;
const GRACE_SECONDS = 2;
/** The grace, some seconds for the final writes, and as much again for a busy machine: half the time limit of one query. */
const ENDS_WITHIN_MS = 30_000;

let proxy: TcpProxy;
let db: Database;
beforeAll(async () => {
  proxy = await startProxy({ target: test.url });
  db = openDatabase({ url: test.url, poolSize: 2 });
});
afterAll(async () => {
  await db.close();
  await proxy.close();
});

/** A process whose connections all go through the proxy, with the default time limit of a query (60 s). */
const start = (role: 'worker' | 'scheduler', env: Record<string, string> = {}): TestProcess =>
  processes.start('src/cli/main.ts', {
    args: [role, ...(role === 'worker' ? ['--workflows', 'test/reliability/half-open-workflows.ts'] : [])],
    env: {
      DATABASE_URL: proxy.url(test.url),
      TASKER_METRICS_PORT: '0',
      TASKER_DRAIN_GRACE_SECONDS: String(GRACE_SECONDS),
      TASKER_ABORT_GRACE_MS: '200',
      ...env,
    },
  });

async function steps(condition: string): Promise<number> {
  return (await test.query(`SELECT FROM tasker.tasker_workflow_steps WHERE ${condition}`)).length;
}

async function endOf(process: TestProcess): Promise<{ code: number | null; seconds: number }> {
  const started = performance.now();
  const exit = await process.kill('SIGTERM');
  return { code: exit?.code ?? null, seconds: (performance.now() - started) / 1000 };
}

it('a worker with half-open connections ends soon after its grace, and logs what it left unfinished', async () => {
  const namedTaskId = await registerWorkflow(db, patient);
  await submit(
    db,
    Array.from({ length: STEPS }, (_, index) => ({ namedTaskId, identityHash: `silent ${index}`, context: '{}' })),
  );
  const worker = start('worker');
  await waitFor(async () => (await steps('in_process')) === STEPS, { what: 'every step to run', timeoutMs: 30_000 });
  proxy.pause();
  const { code, seconds } = await endOf(worker);
  console.log(`half-open drain of a worker: ${seconds.toFixed(1)} s with a grace of ${GRACE_SECONDS} s`);
  expect(seconds * 1000).toBeLessThan(ENDS_WITHIN_MS);
  expect(code).toBe(1);
  expect(worker.lines.filter((line) => line.includes('stopped before everything had ended'))).toHaveLength(1);
  expect(worker.lines.join('\n')).toMatch(/"unfinished":\[.*"outcomes of steps"/);
  expect(worker.lines.join('\n')).not.toContain('"message":"stopped"');
  // Its steps belong to no live process: they are recovered by lease or silence, and run by others.
  expect(await steps('in_process')).toBe(STEPS);
  proxy.cutAll();
  proxy.resume();
  const scheduler = start('scheduler');
  const successor = start('worker', { END_AT_ONCE: 'yes' });
  await waitFor(async () => (await steps(`state = 'complete'`)) === STEPS, {
    what: 'the steps to be done',
    timeoutMs: 60_000,
  });
  expect(await test.query('SELECT DISTINCT attempts FROM tasker.tasker_workflow_steps')).toEqual([{ attempts: 2 }]);
  expect(await endOf(successor)).toMatchObject({ code: 0 });
  expect(await endOf(scheduler)).toMatchObject({ code: 0 });
  expect(successor.lines.join('\n')).toContain('"message":"stopped"');
  expect(await examine(db)).toEqual([]);
});

it('a worker whose connections work again within its grace leaves nothing unfinished', async () => {
  const namedTaskId = await registerWorkflow(db, patient);
  await submit(db, [{ namedTaskId, identityHash: 'silent for a while', context: '{}' }]);
  const worker = start('worker', { TASKER_DRAIN_GRACE_SECONDS: '5' });
  await waitFor(async () => (await steps('in_process')) === 1, { what: 'the step to run', timeoutMs: 30_000 });
  proxy.pause();
  const ended = endOf(worker);
  await worker.waitForLine(/shutting down/);
  proxy.resume();
  expect(await ended).toMatchObject({ code: 0 });
  expect(await steps('in_process')).toBe(0);
  expect(await examine(db)).toEqual([]);
});

it('a scheduler with half-open connections ends soon, too', async () => {
  const scheduler = start('scheduler');
  await scheduler.waitForLine(/scheduler started/);
  proxy.pause();
  // A sweep that begins after that gets no response.
  await waitFor(async () => (await secondsSinceHeartbeat()) > 1, { what: 'its heartbeat to stop', timeoutMs: 20_000 });
  const { code, seconds } = await endOf(scheduler);
  proxy.cutAll();
  proxy.resume();
  console.log(`half-open stop of a scheduler: ${seconds.toFixed(1)} s`);
  expect(seconds * 1000).toBeLessThan(ENDS_WITHIN_MS);
  expect(code).toBe(1);
  expect(scheduler.lines.join('\n')).toMatch(/"unfinished":\["a chore"/);
});

async function secondsSinceHeartbeat(): Promise<number> {
  const [row] = await test.query<{ seconds: number }>(
    `SELECT extract(epoch FROM clock_timestamp() - max(heartbeat_at))::float8 AS seconds
     FROM tasker.tasker_workers WHERE role = 'scheduler'`,
  );
  return row?.seconds ?? 0;
}
