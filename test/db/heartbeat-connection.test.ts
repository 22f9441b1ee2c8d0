import { expect, it } from 'vitest';
import { openDatabase } from '../../src/db/connections/database.ts';
import { newSessionLock, openHeartbeatConnection } from '../../src/db/connections/heartbeat-connection.ts';
import { register } from '../support/register-process.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { waitFor } from '../support/wait-for.ts';
import { useTestDatabase } from '../support/test-database.ts';

const test = await useTestDatabase();

const held = async (key: string | null) =>
  (
    await test.query(
      `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted
         AND (classid::bigint << 32) | objid::bigint = $1::bigint`,
      [key],
    )
  ).length === 1;

it('a process that starts while the database is away holds its session lock from its first heartbeat on', async () => {
  const proxy = await startProxy({ target: test.url });
  const db = openDatabase({ url: test.url });
  const errors: string[] = [];
  const key = newSessionLock();
  const connection = openHeartbeatConnection({
    url: proxy.url(test.url),
    schema: 'tasker',
    applicationName: 'test heartbeat',
    sessionLocks: [key],
    timeoutMs: 2000,
    onError: (message) => errors.push(message),
  });
  try {
    proxy.refuse(true);
    await connection.holdSessionLocks();
    expect(errors).toHaveLength(1);
    expect(await held(key)).toBe(false);
    proxy.refuse(false);
    const workerId = await register(db, {
      role: 'worker',
      name: 'test',
      version: '0',
      queues: [],
      slots: 1,
      leaseSeconds: 10,
      sessionLock: key,
    });
    expect(await connection.renewLease(workerId, 0, false)).toMatchObject({ pauses: null });
    expect(await held(key)).toBe(true);
    // And again after its connection was cut.
    proxy.cutAll();
    await waitFor(async () => (await connection.renewLease(workerId, 0, false)) && held(key), {
      what: 'the lock to be held again',
    });
  } finally {
    await connection.close();
    await db.close();
    await proxy.close();
  }
});

it('a lease is renewed on an earlier schema, which has no pauses', async () => {
  const db = openDatabase({ url: test.url, poolSize: 1 });
  const connection = openHeartbeatConnection({
    url: test.url,
    schema: 'tasker',
    applicationName: 'test heartbeat',
    sessionLocks: [newSessionLock()],
    timeoutMs: 2000,
    onError: (message) => expect.unreachable(message),
  });
  try {
    const workerId = await register(db, {
      role: 'worker',
      name: 'test',
      version: '0',
      queues: [],
      slots: 1,
      leaseSeconds: 10,
      sessionLock: null,
    });
    await test.query(`INSERT INTO tasker.tasker_pauses (kind, name, by) VALUES ('queue', 'q', 'test')`);
    expect(await connection.renewLease(workerId, 0, false)).toMatchObject({ pauses: '[["queue", "q", null]]' });
    await test.query('ALTER TABLE tasker.tasker_pauses RENAME TO no_pauses');
    expect(await connection.renewLease(workerId, 0, false)).toMatchObject({ pauses: null });
    await test.query('ALTER TABLE tasker.no_pauses RENAME TO tasker_pauses; DELETE FROM tasker.tasker_pauses');
    expect(await connection.renewLease(workerId, 0, false)).toMatchObject({ pauses: null });
  } finally {
    await connection.close();
    await db.close();
  }
});

it('a heartbeat touches no index: its update is HOT whenever its page has room', async () => {
  const db = openDatabase({ url: test.url });
  const connection = openHeartbeatConnection({
    url: test.url,
    schema: 'tasker',
    applicationName: 'test heartbeat',
    sessionLocks: null,
    timeoutMs: 2000,
    onError: () => undefined,
  });
  const updates = async () => {
    await test.query('SELECT pg_stat_clear_snapshot()');
    const [row] = await test.query<{ updates: number; hot: number }>(
      `SELECT n_tup_upd::integer AS updates, n_tup_hot_upd::integer AS hot
       FROM pg_stat_user_tables WHERE relname = 'tasker_workers'`,
    );
    return row as { updates: number; hot: number };
  };
  try {
    const workerId = await register(db, {
      role: 'worker',
      name: 'hot',
      version: '0',
      queues: [],
      slots: 1,
      leaseSeconds: 10,
      sessionLock: null,
    });
    const before = await updates();
    for (let number = 0; number < 200; number += 1) await connection.renewLease(workerId, number % 2, false);
    // A session reports its statistics at its end at the latest.
    await connection.close();
    const after = await waitFor(
      async () => {
        const now = await updates();
        return now.updates - before.updates >= 200 && now;
      },
      { what: 'the statistics of the heartbeats' },
    );
    // If a page is full while a snapshot (of an autovacuum, for example) still sees its dead rows, a row moves to another page. That
    // is rare. An update of an indexed column moves the row each time.
    const share = (after.hot - before.hot) / (after.updates - before.updates);
    expect(share).toBeGreaterThan(0.8);
  } finally {
    await connection.close();
    await db.close();
  }
});
