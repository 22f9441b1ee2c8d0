import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../src/db/connections/database.ts';
import { isBusy, isUnavailable } from '../../src/db/connections/sql-errors.ts';
import { defineStatement } from '../../src/db/statement.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

const test = await useTestDatabase({ empty: true });
const db = openDatabase({ url: test.url, poolSize: 2 });
afterAll(() => db.close());

const backend = defineStatement<{ pid: number }>()({ name: 'backend', text: 'SELECT pg_backend_pid() AS pid' });
const pause = defineStatement()({ name: 'pause', text: 'SELECT pg_sleep(30)' });
const terminate = async (pid: number) => {
  await test.query('SELECT pg_terminate_backend($1)', [pid]);
  await waitFor(async () => (await test.query('SELECT 1 FROM pg_stat_activity WHERE pid = $1', [pid])).length === 0, {
    what: 'the session to end',
  });
};

it('in sessions of the hot path the server does not wait for a vanished peer for hours', async () => {
  const worker = openDatabase({ url: test.url, poolSize: 1, plans: 'pinned' });
  const shown = defineStatement<Record<string, string>>()({
    name: 'shown',
    text: `SELECT current_setting('tcp_keepalives_idle') AS idle, current_setting('tcp_keepalives_interval') AS interval,
       current_setting('tcp_keepalives_count') AS count, current_setting('enable_hashjoin') AS hash`,
  });
  expect(await worker.run(shown)).toEqual([{ idle: '60', interval: '10', count: '6', hash: 'off' }]);
  await worker.close();
});

// An 'error' event without a listener ends the process, and with it this test run.
it('a session that ends between two statements of a transaction fails the transaction and nothing else', async () => {
  const transaction = db.transaction(async (tx) => {
    const [row] = await tx.run(backend);
    await terminate(row?.pid ?? 0);
    return tx.run(backend);
  });
  await expect(transaction).rejects.toThrow(/terminat|not queryable|Connection/);
  expect(await db.run(backend)).toHaveLength(1);
});

it('a session that ends during a statement fails its transaction and nothing else', async () => {
  const transaction = db.transaction(async (tx) => {
    const [row] = await tx.run(backend);
    await Promise.all([tx.run(pause), terminate(row?.pid ?? 0)]);
  });
  await expect(transaction).rejects.toThrow(/terminat|not queryable|Connection/);
  expect(await db.run(backend)).toHaveLength(1);
});

it('a statement waits for a busy connection before it opens another, and not for long', async () => {
  const pool = openDatabase({ url: test.url, poolSize: 5 });
  await pool.run(backend);
  // Each is over long before another connection would be open.
  for (let n = 0; n < 3; n += 1) await Promise.all([pool.run(backend), pool.run(backend), pool.run(backend)]);
  const opened = pool.pool.totalCount;
  expect(opened).toBeLessThan(4);
  const nap = defineStatement()({ name: 'nap', text: 'SELECT pg_sleep(1)' });
  let napping = true;
  const naps = Promise.all(Array.from({ length: opened }, () => pool.run(nap))).then(() => (napping = false));
  await pool.run(backend);
  expect([napping, pool.pool.totalCount]).toEqual([true, opened + 1]);
  await naps;
  await pool.close();
});

/** With what a statement and a transaction are refused that wait for the one connection of a pool. */
async function refusals(pool: Database): Promise<unknown[]> {
  const waiting = [pool.run(backend), pool.transaction((tx) => tx.run(backend))];
  const ended = await Promise.allSettled(waiting);
  return ended.map((one) => (one.status === 'rejected' ? (one.reason as unknown) : 'not refused'));
}
const kinds = (errors: unknown[]): boolean[][] => errors.map((error) => [isBusy(error), isUnavailable(error)]);

it('a pool whose connections are all in use is busy, which is not a database that cannot be reached', async () => {
  const pool = openDatabase({ url: test.url, poolSize: 1, connectTimeoutMs: 300 });
  const errors = await pool.transaction(async (tx) => {
    await tx.run(backend);
    return refusals(pool);
  });
  expect(errors).toMatchObject([{ code: 'DATABASE_BUSY' }, { code: 'DATABASE_BUSY' }]);
  expect(String(errors[0])).toMatch(/this pool has 1, all in use; raise the size of the pool \(TASKER_POOL_SIZE/);
  expect(kinds(errors)).toEqual([
    [true, true],
    [true, true],
  ]);
  await pool.close();
});

it('a pool that waits for its first session is not busy: the server does not respond', async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => sockets.push(socket));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  const pool = openDatabase({ url: `postgres://nobody@127.0.0.1:${port}/nothing`, poolSize: 1, connectTimeoutMs: 300 });
  expect(kinds(await refusals(pool))).toEqual([
    [false, true],
    [false, true],
  ]);
  await pool.close();
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => silent.close(resolve));
});
