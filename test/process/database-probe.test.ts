import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/db/connections/database.ts';
import { DatabaseProbe } from '../../src/process/database-probe.ts';
import { freePort } from '../support/free-port.ts';
import { useTestDatabase } from '../support/test-database.ts';

const test = await useTestDatabase();

/** A probe of a pool of two, with a clock of its own. */
function probe(url = test.url) {
  let ms = 0;
  const statements: string[] = [];
  const db = openDatabase({ url, poolSize: 2, connectTimeoutMs: 60_000, onQuery: (name) => statements.push(name) });
  return {
    db,
    statements,
    database: new DatabaseProbe(db, () => ms),
    pass: (seconds: number) => (ms += seconds * 1000),
  };
}

describe('a process whose database works', () => {
  it('is ready, and asks it once for several probes at the same time', async () => {
    const { db, database, statements } = probe();
    const healths = await Promise.all([database.check(), database.check(), database.check()]);
    expect(healths).toEqual(Array.from({ length: 3 }, () => ({ ok: true, reasons: [] })));
    expect(statements).toEqual(['ping']);
    await db.close();
  });

  it('is ready during a peak that takes all its sessions, says so, and sends nothing that would wait as well', async () => {
    const { db, database, statements, pass } = probe();
    const taken = [await db.pool.connect(), await db.pool.connect()];
    const waiting = db.pool.connect();
    pass(9);
    expect(await database.check()).toEqual({
      ok: true,
      reasons: ['all 2 sessions of the pool (TASKER_POOL_SIZE) are in use, and 1 more are asked for'],
    });
    pass(2);
    expect(await database.check()).toEqual({
      ok: false,
      reasons: [
        'all 2 sessions of the pool (TASKER_POOL_SIZE) are in use, and 1 more are asked for; no statement of this process has ended well for 11 s',
      ],
    });
    // The next statement that ends shows that the sessions come free again.
    database.succeeded();
    expect(await database.check()).toMatchObject({ ok: true });
    expect(statements).toEqual([]);
    for (const client of taken) client.release();
    (await waiting).release();
    expect(await database.check()).toEqual({ ok: true, reasons: [] });
    await db.close();
  });
});

it('is not ready at once if the database cannot be reached, and says how that is', async () => {
  const { db, database } = probe(`postgres://nobody@127.0.0.1:${await freePort()}/nothing`);
  expect(await database.check()).toEqual({
    ok: false,
    reasons: [expect.stringMatching(/^the database cannot be used: .*ECONNREFUSED/)],
  });
  await db.close();
});

it('a database that has no room for another session counts as a peak, and one that says nothing too', async () => {
  let ms = 0;
  const pool = { options: { max: 2 }, totalCount: 0, idleCount: 0, waitingCount: 0 };
  const of = (run: () => Promise<never>) => new DatabaseProbe({ pool, run } as never, () => ms);
  const full = of(() => Promise.reject(Object.assign(new Error('sorry, too many clients already'), { code: '53300' })));
  const silent = of(() => new Promise(() => undefined));
  expect(await full.check()).toEqual({
    ok: true,
    reasons: ['the database has no room now: sorry, too many clients already'],
  });
  expect(await silent.check()).toEqual({ ok: true, reasons: ['the database has not responded within 1 s'] });
  ms += 12_000;
  expect(await full.check()).toMatchObject({ ok: false });
  expect(await silent.check()).toMatchObject({ ok: false, reasons: [expect.stringContaining('for 12 s')] });
});
