import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { Client as PostgresClient } from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { examine } from '../../../src/db/doctor/examine.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../src/embedded/start.ts';
import {
  type Client,
  createClient,
  createLogger,
  defineWorkflow,
  loadConfig,
  migrateToLatest,
  PermanentError,
  startScheduler,
  startWorker,
} from '../../../src/index.ts';
import { scratchFolder } from '../../support/scratch-folder.ts';
import { waitFor } from '../../support/wait-for.ts';

const run = promisify(execFile);
const log = createLogger({ level: 'silent', role: 'worker', redact: [] });
/** Tasks from this number on wait until the restored fleet may run them: they are in progress at the point of the restore. */
const WAITING_FROM = 2990;
let released = false;
const chain = defineWorkflow({
  namespace: 'backup',
  name: 'chain',
  version: '1.0.0',
  input: z.object({ n: z.number() }),
})
  .step('first', async ({ input, signal }) => {
    while (input.n >= WAITING_FROM && !released) {
      signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return { n: input.n };
  })
  .step('second', { dependsOn: ['first'] }, ({ parents }) => ({ n: parents.first.n + 1 }))
  .step('third', { dependsOn: ['second'] }, ({ parents }) => ({ n: parents.second.n + 1 }));

/** A payment provider's books: it charges once for each key, and returns the existing charge for a known key. */
class Ledger {
  readonly charges = new Map<string, { order: string; cents: number }>();
  replays = 0;

  charge(key: string, order: string, cents: number): void {
    const made = this.charges.get(key);
    if (made === undefined) this.charges.set(key, { order, cents });
    else if (made.order === order && made.cents === cents) this.replays += 1;
    else throw new PermanentError(`key ${key} belongs to order ${made.order}, not to ${order}`);
  }

  /** The orders by time of their charges, once for each charge. */
  get orders(): string[] {
    return [...this.charges.values()].map(({ order }) => order);
  }
}

const ledger = new Ledger();
const order = defineWorkflow({
  namespace: 'backup',
  name: 'order',
  version: '1.0.0',
  input: z.object({ order: z.string(), cents: z.number() }),
  identity: 'caller_key',
}).step('charge', ({ input, idempotencyKey }) => ledger.charge(idempotencyKey, input.order, input.cents));

/** Submits orders by their number, as a shop does that repeats submits of unknown outcome; waits until all are charged. */
async function placeOrders(client: Client, orders: readonly string[]): Promise<string[]> {
  const outcomes: string[] = [];
  for (const [index, number] of orders.entries()) {
    const { taskId, outcome } = await client.submit(order, { order: number, cents: 100 + index }, { key: number });
    expect(taskId).toMatch(/^\d+$/);
    expect(await client.waitForTask(taskId)).toMatchObject({ state: 'complete' });
    outcomes.push(outcome);
  }
  return outcomes;
}

async function withSession<T>(url: string, work: (session: PostgresClient) => Promise<T>): Promise<T> {
  const session = new PostgresClient({ connectionString: url });
  await session.connect();
  try {
    return await work(session);
  } finally {
    await session.end();
  }
}

/** A backup as in docs/operations/backup-and-restore.md, by the server's own functions: a copy of its files between start and stop. */
async function backUp(url: string, cluster: string, copy: string): Promise<void> {
  // One session: the backup ends with the session that began it.
  await withSession(url, async (session) => {
    await session.query(`SELECT pg_backup_start('nightly', fast => true)`);
    // Files change, appear and vanish during the copy: the WAL contains what it missed. tar reports this by status 1.
    const exclude = ['postmaster.pid', 'pg_wal/*', 'pg_replslot/*', 'pg_stat_tmp/*'].map(
      (path) => `--exclude=./${path}`,
    );
    await run('tar', ['--create', '--file', `${copy}.tar`, ...exclude, '--directory', cluster, '.']).catch(
      (error: { code?: number }) => {
        if (error.code !== 1) throw error;
      },
    );
    const { rows } = await session.query<{ labelfile: string; spcmapfile: string }>(
      'SELECT labelfile, spcmapfile FROM pg_backup_stop(wait_for_archive => true)',
    );
    await mkdir(copy, { mode: 0o700 });
    await run('tar', ['--extract', '--preserve-permissions', '--file', `${copy}.tar`, '--directory', copy]);
    await writeFile(`${copy}/backup_label`, rows[0]?.labelfile as string);
  });
}

test('a fleet restored to a point in time continues from there, with correct data', async () => {
  const scratch = await scratchFolder();
  const archive = `${scratch}/archive`;
  await mkdir(archive);
  // The server runs as another user if root runs the tests.
  await chmod(archive, 0o777);
  const open: { stop(): Promise<unknown> }[] = [];
  onTestFinished(async () => {
    for (const each of open.toReversed()) await each.stop();
  });
  const start = async (dataDir: string, settings: Record<string, string>): Promise<EmbeddedPostgres> => {
    const server = await startEmbeddedPostgres({ dataDir, settings: { fsync: 'off', ...settings } });
    open.push(server);
    return server;
  };
  const fleet = async (url: string): Promise<void> => {
    const env = { DATABASE_URL: url, TASKER_METRICS_PORT: '0', TASKER_DRAIN_GRACE_SECONDS: '0' };
    open.push(await startScheduler({ config: loadConfig('scheduler', env), log }));
    open.push(await startWorker({ config: loadConfig('worker', env), workflows: [chain, order], log }));
  };
  const stopFleet = async (): Promise<void> => {
    for (const process of open.splice(-2).toReversed()) await process.stop();
  };

  const primary = await start(`${scratch}/primary`, {
    archive_mode: 'on',
    archive_command: `test ! -f ${archive}/%f && cp %p ${archive}/%f.part && mv ${archive}/%f.part ${archive}/%f`,
  });
  await migrateToLatest(primary.url());
  const client = createClient({ url: primary.url(), applicationName: 'backup test' });
  const closing = { stop: () => client.close() };
  open.push(closing);
  const submit = async (from: number, count: number): Promise<void> => {
    const requests = Array.from({ length: count }, (_, index) => ({
      input: { n: from + index },
    }));
    for await (const { outcome } of client.submitMany(chain, requests)) expect(outcome).toBe('created');
  };
  const completed = async (session: { query: PostgresClient['query'] }): Promise<number> =>
    Number((await session.query('SELECT count(*) FROM tasker.tasker_tasks WHERE complete')).rows[0]?.count);
  const running = async (session: { query: PostgresClient['query'] }): Promise<number> =>
    Number(
      (
        await session.query(
          `SELECT count(*) FROM tasker.tasker_workflow_steps WHERE in_process
              AND task_id IN (SELECT task_id FROM tasker.tasker_tasks WHERE (context->>'n')::int >= $1)`,
          [WAITING_FROM],
        )
      ).rows[0]?.count,
    );
  await client.register(chain);
  await client.register(order);

  // The fleet works during the whole backup.
  await fleet(primary.url());
  await submit(0, 500);
  await waitFor(() => withSession(primary.url(), completed), { what: 'the first tasks to be complete' });
  await Promise.all([backUp(primary.url(), `${scratch}/primary/cluster`, `${scratch}/copy`), submit(500, 1500)]);
  expect(await placeOrders(client, ['o-1', 'o-2'])).toEqual(['created', 'created']);
  await submit(2000, 1000);

  await waitFor(() => withSession(primary.url(), async (session) => (await running(session)) === 3000 - WAITING_FROM), {
    what: 'the last tasks to be in progress',
  });
  const atPoint = await withSession(primary.url(), async (session) => {
    await session.query(`SELECT pg_create_restore_point('before_the_mistake')`);
    return completed(session);
  });
  // The point of the restore lies before these orders: the restored database does not contain them.
  expect(await placeOrders(client, ['o-3', 'o-4', 'o-5'])).toEqual(['created', 'created', 'created']);
  await stopFleet();
  await withSession(primary.url(), async (session) => {
    // The mistake that the restore undoes.
    await session.query('DELETE FROM tasker.tasker_workflow_steps');
    const { rows } = await session.query<{ name: string }>('SELECT pg_walfile_name(pg_switch_wal()) AS name');
    await waitFor(async () => (await stat(`${archive}/${rows[0]?.name}`).catch(() => undefined)) !== undefined, {
      what: 'the WAL to be archived',
    });
  });
  open.splice(open.indexOf(closing), 1);
  await client.close();
  await primary.stop('immediate');

  // The folder of a new server: the copy, the password, and where to stop.
  const restored = `${scratch}/restored`;
  await mkdir(restored);
  await run('mv', [`${scratch}/copy`, `${restored}/cluster`]);
  await run('chown', [`--reference=${scratch}/primary/cluster`, restored, `${restored}/cluster/backup_label`]);
  await mkdir(`${restored}/cluster/pg_wal`, { recursive: true });
  await writeFile(`${restored}/cluster/recovery.signal`, '');
  await copyFile(`${scratch}/primary/password`, `${restored}/password`);
  for (const ours of ['cluster', 'cluster/recovery.signal', 'cluster/pg_wal', 'password'])
    await run('chown', [`--reference=${scratch}/primary/cluster`, `${restored}/${ours}`]);
  await chmod(`${restored}/cluster/pg_wal`, 0o700);
  await rm(`${scratch}/copy.tar`);
  const server = await start(restored, {
    restore_command: `cp ${archive}/%f %p`,
    recovery_target_name: 'before_the_mistake',
    // The server pauses at the point, read-only, until it is resumed, so that an operator can check it first.
    recovery_target_action: 'pause',
  });
  const queryValue = async (sql: string): Promise<unknown> =>
    withSession(server.url(), async (session) => Object.values((await session.query(sql)).rows[0] as object)[0]);
  await waitFor(async () => (await queryValue('SELECT pg_get_wal_replay_pause_state()')) === 'paused', {
    what: 'the recovery to reach its point',
    timeoutMs: 60_000,
  });
  // These commands only read, so they work as on a streaming replica.
  const tasker = async (...args: string[]): Promise<string> =>
    (await run(process.execPath, ['src/cli/main.ts', ...args], { env: { ...process.env, DATABASE_URL: server.url() } }))
      .stdout;
  expect(await tasker('doctor')).toMatch(/\d+ checks, no violation/);
  expect(await tasker('tasks', '--json')).toContain('"chain"');
  expect(await tasker('queues')).toContain('default');
  await queryValue('SELECT pg_wal_replay_resume()');
  await waitFor(async () => (await queryValue('SELECT pg_is_in_recovery()')) === false, {
    what: 'the recovery to end',
    timeoutMs: 60_000,
  });

  const after = createClient({ url: server.url(), applicationName: 'backup test' });
  open.push({ stop: () => after.close() });
  expect(await examine(after.db)).toEqual([]);
  await withSession(server.url(), async (session) => {
    const { rows } = await session.query('SELECT count(*) FROM tasker.tasker_tasks');
    expect(Number(rows[0]?.count)).toBe(3002);
    // Claimed by a worker that never connected to this server: the point lies in the middle of the work.
    expect(await running(session)).toBe(3000 - WAITING_FROM);
    expect(await completed(session)).toBeGreaterThanOrEqual(1);
    expect(await completed(session)).toBeLessThanOrEqual(atPoint);
  });

  released = true;
  await fleet(server.url());
  await waitFor(() => withSession(server.url(), async (session) => (await completed(session)) === 3002), {
    what: 'the restored tasks to complete',
    timeoutMs: 120_000,
    intervalMs: 200,
  });
  // New orders get the task ids that orders after the point had, and are charged. The orders after the point are submitted again by
  // their numbers, and their steps find the existing charges. Orders that survived are known.
  expect(await placeOrders(after, ['o-6', 'o-7', 'o-8'])).toEqual(['created', 'created', 'created']);
  expect(await placeOrders(after, ['o-3', 'o-4', 'o-5'])).toEqual(['created', 'created', 'created']);
  expect(await placeOrders(after, ['o-1', 'o-2'])).toEqual(['existing', 'existing']);
  expect(ledger.orders).toEqual(['o-1', 'o-2', 'o-3', 'o-4', 'o-5', 'o-6', 'o-7', 'o-8']);
  expect(ledger.replays).toBe(3);
  await stopFleet();
  expect(await examine(after.db)).toEqual([]);
});
