import { afterAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/db/connections/database.ts';
import { serverConnections } from '../../src/db/health/connections.ts';
import { indexBloat } from '../../src/db/health/index-bloat.ts';
import { xminHolders } from '../../src/db/health/xmin-holders.ts';
import { useTestDatabase } from '../support/test-database.ts';

const test = await useTestDatabase();
const db = openDatabase({ url: test.url, poolSize: 2 });
afterAll(() => db.close());

describe('the measurements of the database', () => {
  it('name the session that holds a snapshot', async () => {
    const session = await test.pool.connect();
    try {
      await session.query(`SET application_name = 'forgotten report'`);
      await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
      await session.query('SELECT count(*) FROM tasker.tasker_tasks');
      const held = (await db.run(xminHolders)).find(({ holder }) => holder === 'forgotten report');
      expect(held).toMatchObject({ kind: 'session' });
      expect(held?.seconds).toBeGreaterThan(0);
      expect(held?.transactions).toBeGreaterThanOrEqual(0);
    } finally {
      await session.query('ROLLBACK');
      session.release(true);
    }
    expect((await db.run(xminHolders)).some(({ holder }) => holder === 'forgotten report')).toBe(false);
  });

  it('distinguish a full index from a bloated one', async () => {
    const bloatOf = async (name: string): Promise<number | undefined> =>
      (await db.run(indexBloat, { schema: 'tasker' })).find(({ index }) => index === name)?.bloat;
    await test.query(
      `INSERT INTO tasker.tasker_workers (role, name, version, lease_seconds, lease_expires_at, stopped_at, stop_reason)
       SELECT 'worker', 'long gone', '0', 1, now(), now(), 'drained' FROM generate_series(1, 60000)`,
    );
    await test.query('VACUUM ANALYZE tasker.tasker_workers');
    expect(await bloatOf('tasker_workers_pkey')).toBeLessThan(0.2);
    await test.query('DELETE FROM tasker.tasker_workers WHERE worker_id % 20 <> 0');
    await test.query('VACUUM ANALYZE tasker.tasker_workers');
    expect(await bloatOf('tasker_workers_pkey')).toBeGreaterThan(0.85);
    await test.query('REINDEX INDEX tasker.tasker_workers_pkey');
    // Below a megabyte an estimate means nothing.
    expect(await bloatOf('tasker_workers_pkey')).toBeUndefined();
  });

  it('count connections of the whole server against its limit', async () => {
    const [server] = await db.run(serverConnections);
    const [{ limit }] = (await test.query(`SELECT current_setting('max_connections')::integer AS limit`)) as [
      { limit: number },
    ];
    expect(server).toMatchObject({ max_connections: limit, schedulers: 0, workers: 0 });
    expect(server?.reserved).toBeGreaterThan(0);
    expect(server?.used).toBeGreaterThan(0);
  });
});
