import { join } from 'node:path';
import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { examine } from '../../src/db/doctor/examine.ts';
import { createDatabase } from '../../src/embedded/databases.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/embedded/start.ts';
import {
  createClient,
  createLogger,
  defineWorkflow,
  loadConfig,
  migrateToLatest,
  startScheduler,
  startWorker,
} from '../../src/index.ts';
import { scratchFolder } from '../support/scratch-folder.ts';
import { waitFor } from '../support/wait-for.ts';
import { SHORT_TIMES } from './support/fleet.ts';

const log = createLogger({ level: 'silent', role: 'worker', redact: [] });
/** Commits are acknowledged at once and written ten seconds later: a crash before that loses them. */
const FORGETFUL = { synchronous_commit: 'off', wal_writer_delay: '10s', fsync: 'off', autovacuum: 'off' };
const input = z.object({ n: z.number() });
const shop = (name: string, payment: string) =>
  defineWorkflow({ namespace: 'shop', name, input, identity: 'caller_key' })
    .step('pay', () => payment)
    .step('mail', { dependsOn: ['pay'] }, ({ parents, input: { n } }) => `${parents.pay} ${n}`);

it('if a crash loses the registration of a workflow and another workflow gets its id, neither client nor worker uses the old id', async () => {
  const dataDir = join(await scratchFolder(), 'postgres');
  let server: EmbeddedPostgres = await startEmbeddedPostgres({ dataDir, settings: FORGETFUL });
  const { port } = server;
  const url = await createDatabase(server.url(), 'shop');
  const open: { stop(): Promise<unknown> }[] = [{ stop: () => server.stop('immediate') }];
  onTestFinished(async () => {
    for (const each of open.toReversed()) await each.stop();
  });
  await migrateToLatest(url);
  const admin = async <Row extends object>(text: string): Promise<Row[]> => {
    const session = new pg.Client({ connectionString: url });
    session.on('error', () => undefined);
    await session.connect();
    try {
      return (await session.query<Row & Record<string, unknown>>(text)).rows;
    } finally {
      await session.end();
    }
  };
  await admin('CHECKPOINT');

  const [refund, refundAgain, payout] = [
    shop('refund', 'refunded'),
    shop('refund', 'refunded'),
    shop('payout', 'paid'),
  ];
  const config = (role: 'worker' | 'scheduler') => loadConfig(role, { DATABASE_URL: url, ...SHORT_TIMES });
  const worker = await startWorker({ config: config('worker'), workflows: [refund], log });
  open.push(worker);
  const client = createClient({ url });
  open.push({ stop: () => client.close() });
  const lost = await client.submit(refundAgain, { n: 1 }, { key: '1' });
  await client.waitForTask(lost.taskId);
  const idBefore = (await admin<{ id: number }>('SELECT named_task_id AS id FROM tasker.tasker_named_tasks'))[0]?.id;

  process.kill(server.pid, 'SIGKILL');
  server = await waitFor(() => startEmbeddedPostgres({ dataDir, port, settings: FORGETFUL }).catch(() => undefined), {
    timeoutMs: 60_000,
    what: 'the server to start again',
  });
  // In either order: the worker registers its workflow again as soon as it finds its registration missing, and the other client's
  // workflow gets the free id.
  const otherClient = createClient({ url });
  open.push({ stop: () => otherClient.close() });
  const other = await waitFor(() => otherClient.submit(payout, { n: 2 }, { key: '2' }).catch(() => undefined), {
    timeoutMs: 60_000,
    what: 'the server to accept a submit',
  });
  expect(other.outcome).toBe('created');
  const again = await client.submit(refundAgain, { n: 1 }, { key: '1' });
  expect(again).toEqual({ outcome: 'created', taskId: expect.stringMatching(/^\d+$/) as string });

  open.push(await startScheduler({ config: config('scheduler'), log }));
  const done = await client.waitForTask(again.taskId, { timeoutMs: 30_000 });
  expect(done.steps.map((step) => step.results)).toEqual(['refunded', 'refunded 1']);
  // No worker here has its handlers.
  expect((await otherClient.getTask(other.taskId))?.steps.map((step) => [step.state, step.attempts])).toEqual([
    ['pending', 0],
    ['pending', 0],
  ]);
  const names = await admin<{ id: number; name: string }>(
    'SELECT named_task_id AS id, name FROM tasker.tasker_named_tasks ORDER BY 1',
  );
  expect(names.map(({ name }) => name).toSorted()).toEqual(['payout', 'refund']);
  // The premise: the commits were lost, and the id was free again.
  expect(names[0]?.id).toBe(idBefore);
  expect(await examine(client.db)).toEqual([]);
});
