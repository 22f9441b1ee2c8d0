import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { PoolClient } from 'pg';
import type { Executor } from '../../src/db/connections/database.ts';
import { createClient } from '../../src/client/client.ts';
import { BROKEN_CHAIN } from '../../src/db/reads/audit.ts';
import { sealActs, sealAll, SEALED_AT_ONCE } from '../../src/engine/audit.ts';
import { type AuditKeep, pruneAudit, type Pruned } from '../../src/engine/prune-audit.ts';
import { type ChainedAct, readChainReport } from '../../src/reads/audit.ts';
import { type ChainedLine, verifyExport } from '../../src/reads/verify-export.ts';
import { useEngine } from './engine-fixture.ts';

const engine = await useEngine();
const { db, test } = engine;
const client = createClient({ url: test.url, notify: false });
afterAll(() => client.close());

const DAY = 86_400;
const keep = (actsDays: number | undefined, readsDays?: number): AuditKeep => ({
  actsSeconds: actsDays === undefined ? undefined : actsDays * DAY,
  readsSeconds: readsDays === undefined ? undefined : readsDays * DAY,
  setting: 'TASKER_AUDIT_KEEP=...',
});

/** Acts of these ages in days, in this order, each at its place; `r` before an age: somebody has read an input. */
async function write(...ages: (number | `r${number}`)[]): Promise<void> {
  for (const age of ages) {
    const act = typeof age === 'number' ? 'task.retry' : 'payload.read';
    await test.query(
      `INSERT INTO tasker.tasker_audit (at, act, subject, subject_id, by, outcome, refused)
       VALUES (clock_timestamp() - make_interval(days => $1), $2, 'task', '1', 'ada', 'done', false)`,
      [Number(String(age).replace('r', '')), act],
    );
  }
  await sealAll(db);
}

const places = async (): Promise<number[]> =>
  (await test.query<{ position: string }>('SELECT position FROM tasker.tasker_audit ORDER BY position')).map((row) =>
    Number(row.position),
  );

async function exported(): Promise<ChainedAct[]> {
  const lines: ChainedAct[] = [];
  for await (const line of client.auditChain()) lines.push(line);
  return lines;
}

async function* asLines(lines: readonly ChainedAct[]): AsyncGenerator<ChainedLine> {
  for (const line of lines) yield line as ChainedLine;
}

/** Acts of now by the thousand. */
const writeMany = (acts: number) =>
  test.query(
    `INSERT INTO tasker.tasker_audit (act, subject, subject_id, by, outcome, refused)
     SELECT 'task.retry', 'task', n::text, 'ada', 'done', false FROM generate_series(1, $1::integer) n`,
    [acts],
  );

/** The place that is broken first, as `readChainReport` finds it, in a transaction of the test. */
async function firstBroken(connection: PoolClient, limit: string): Promise<unknown> {
  const tx: Executor = {
    schema: 'tasker',
    plans: 'free',
    run: async (statement, ...given) => (await connection.query(statement.text, [...statement.values(...given)])).rows,
  };
  const { broken } = await readChainReport({ ...tx, transaction: (work) => work(tx) }, Number(limit));
  return broken ?? undefined;
}

/** What is verified of the chain in the database, which has to be what is verified of an export of it. */
async function report() {
  const found = await client.verifyAudit();
  // However small the parts are.
  for (const size of [1, 2, 3]) if (found.acts < 100) expect(await readChainReport(db, size)).toEqual(found);
  expect(await verifyExport(asLines(await exported()))).toEqual(found);
  return found;
}

beforeEach(async () => {
  await test.query('TRUNCATE tasker.tasker_audit');
  await test.query(`UPDATE tasker.tasker_audit_head SET position = 0, hash = ''`);
});

describe('a backlog of acts without a place', () => {
  it('gets its places in bounded transactions, each behind the one before, and is whole', async () => {
    await writeMany(SEALED_AT_ONCE + 20);
    const first = await sealActs(db);
    expect(first).toMatchObject({ sealed: SEALED_AT_ONCE, more: true });
    const second = await sealActs(db, first.last);
    expect(second).toMatchObject({ sealed: 20, more: false });
    const { acts, position, broken } = await client.verifyAudit();
    expect({ acts, position, broken }).toEqual({
      acts: SEALED_AT_ONCE + 20,
      position: String(SEALED_AT_ONCE + 20),
      broken: null,
    });
    // The last act of each part is the one before the first of the next.
    for (const place of [SEALED_AT_ONCE - 1, SEALED_AT_ONCE, SEALED_AT_ONCE + 1]) {
      await test.query(`UPDATE tasker.tasker_audit SET by = 'eve' WHERE position = $1`, [place]);
      expect((await readChainReport(db, 1000)).broken).toMatchObject({ position: String(place) });
      await test.query(`UPDATE tasker.tasker_audit SET by = 'ada' WHERE position = $1`, [place]);
    }
  });

  it('is not left for a part of retention: what an act vouches for goes after it has its place', async () => {
    await write(50, 40, 1);
    await writeMany(SEALED_AT_ONCE + 20);
    expect(await pruneAudit(db, keep(30))).toMatchObject({ acts: 2, more: false });
    expect(await client.audit({ act: 'audit.prune' })).toMatchObject([{ position: String(SEALED_AT_ONCE + 24) }]);
    expect((await client.verifyAudit()).broken).toBeNull();
  });
});

describe('retention of the audit', () => {
  it('removes old acts from the start of the chain, and the rest is still verified', async () => {
    await write(50, 40, 31, 5, 40, 1);
    expect(await pruneAudit(db, keep(30))).toEqual({ acts: 3, reads: 0, more: false });
    // The one of 40 days is behind one that is kept.
    expect(await places()).toEqual([4, 5, 6, 7]);
    expect(await report()).toMatchObject({ acts: 4, removed: 3, position: '7', broken: null });
    const [act] = await client.audit({ act: 'audit.prune' });
    expect(act).toMatchObject({ by: 'scheduler', subject: 'audit', outcome: 'removed', refused: false });
    expect(act?.details).toMatchObject({ acts: 3, reads: 0, holes: [[1, 3, expect.stringMatching(/^[0-9a-f]{64}$/)]] });
  });

  it('removes reads earlier, wherever they are, and later the acts between them', async () => {
    await write('r99', 98, 'r97', 'r96', 95, 'r94', 'r5', 4);
    expect(await pruneAudit(db, keep(undefined, 30))).toEqual({ acts: 0, reads: 4, more: false });
    expect(await places()).toEqual([2, 5, 7, 8, 9]);
    expect(await report()).toMatchObject({ removed: 4, broken: null });
    expect(await pruneAudit(db, keep(30, 30), 0)).toEqual({ acts: 2, reads: 0, more: false });
    expect(await places()).toEqual([7, 8, 9, 10]);
    expect(await report()).toMatchObject({ removed: 6, broken: null });
  });

  it('removes its own acts too, when they are old: nothing of the chain is lost by that', async () => {
    await write(90, 'r80', 3, 'r2', 1);
    for (let day = 0; day < 3; day += 1) {
      expect(await pruneAudit(db, keep(0), 0)).toMatchObject({ acts: day === 0 ? 2 : 1, more: false });
      expect(await report()).toMatchObject({ acts: 2, broken: null });
    }
    // The last row of the chain, which is the end that others have a copy of, stays until there is another one.
    expect(await places()).toEqual([7, 8]);
  });

  it('removes once a day all that is due, in several acts if need be, and once if several schedulers do it', async () => {
    const reads = Array.from({ length: 240 }, (_, n) => (n % 2 === 0 ? (`r60` as const) : 60));
    await write(...reads, 1);
    const rounds: Pruned[] = [];
    const round = async (): Promise<Pruned> => {
      const all = await Promise.all(Array.from({ length: 4 }, () => pruneAudit(db, keep(undefined, 30))));
      const done = all.filter((one) => one.reads > 0);
      rounds.push(...done);
      return done.at(-1) ?? { acts: 0, reads: 0, more: false };
    };
    while ((await round()).more);
    // Each read leaves a hole, and one act has a hundred of them.
    expect(rounds.map(({ reads: count, more }) => [count, more])).toEqual([
      [100, true],
      [20, false],
    ]);
    expect(await report()).toMatchObject({ removed: 120, broken: null });
    await write('r50');
    expect(await pruneAudit(db, keep(undefined, 30))).toMatchObject({ reads: 0 });
  });

  it('goes on at once if reads that are due lie far from each other', async () => {
    for (let run = 0; run < 4; run += 1) {
      await write(...Array.from({ length: 5 }, () => 'r60' as const));
      await writeMany(1500);
    }
    await sealAll(db);
    const rounds: Pruned[] = [];
    do rounds.push(await pruneAudit(db, keep(undefined, 30)));
    while (rounds.at(-1)?.more === true);
    // 4,000 places are read at once.
    expect(rounds.map(({ reads, more }) => [reads, more])).toEqual([
      [15, true],
      [5, false],
    ]);
    expect(await report()).toMatchObject({ removed: 20, broken: null });
  });

  it('keeps the acts of a bulk operation for as long as the operation', async () => {
    await write(50);
    const [operation] = await test.query<{ id: string }>(
      `INSERT INTO tasker.tasker_operations (action, token_hash, by, pace_per_second, expires_at) VALUES ('retry', '', 'ada', 1, now()) RETURNING operation_id AS id`,
    );
    await test.query(
      `INSERT INTO tasker.tasker_audit (at, act, subject, subject_id, by, outcome, refused, details)
       VALUES (clock_timestamp() - interval '40 days', 'task.retry', 'task', '1', 'ada', 'retried', false, jsonb_build_object('operation', $1::text))`,
      [operation?.id],
    );
    await write(35, 1);
    expect(await pruneAudit(db, keep(30), 0)).toMatchObject({ acts: 1 });
    await test.query('DELETE FROM tasker.tasker_operations');
    expect(await pruneAudit(db, keep(30), 0)).toMatchObject({ acts: 2 });
    expect(await report()).toMatchObject({ removed: 3, broken: null });
  });

  it('removes nothing if the chain is broken there: that would remove the evidence', async () => {
    await write(60, 59, 58, 1);
    await test.query(`UPDATE tasker.tasker_audit SET by = 'eve' WHERE position = 2`);
    expect(await pruneAudit(db, keep(30))).toEqual({ acts: 0, reads: 0, more: false, brokenAt: '2' });
    expect(await places()).toEqual([1, 2, 3, 4]);
  });

  it('does not hide a row that was changed, removed, put back or invented, in the database or in an export', async () => {
    await write('r90', 80, 'r70', 'r60', 50, 40, 2, 1);
    const [first] = await exported();
    await pruneAudit(db, keep(undefined, 30));
    expect(await places()).toEqual([2, 5, 6, 7, 8, 9]);
    const insert = (position: number, hash: string): string =>
      `INSERT INTO tasker.tasker_audit (act, subject, subject_id, by, outcome, refused, position, hash)
       VALUES ('task.retry', 'task', '1', 'eve', 'done', false, ${position}, ${hash})`;
    const forged = (position: number): string => insert(position, `encode(sha256('x'), 'hex')`);
    for (const tampering of [
      `DELETE FROM tasker.tasker_audit WHERE position = 2`,
      `DELETE FROM tasker.tasker_audit WHERE position IN (2, 5)`,
      `DELETE FROM tasker.tasker_audit WHERE position = 6`,
      `DELETE FROM tasker.tasker_audit WHERE position <= 8`,
      `DELETE FROM tasker.tasker_audit WHERE position = 9`,
      `UPDATE tasker.tasker_audit SET by = 'eve' WHERE position = 5`,
      `UPDATE tasker.tasker_audit SET details = jsonb_set(details, '{holes,0,1}', '2') WHERE position = 9`,
      `UPDATE tasker.tasker_audit SET details = '{"holes": "all"}' WHERE position = 9`,
      forged(1),
      forged(3),
      forged(4),
      // Whoever puts a row at the end of a hole knows the hash that has to be there, and cannot write a text that has it.
      insert(4, `(SELECT details -> 'holes' -> 1 ->> 2 FROM tasker.tasker_audit WHERE position = 9)`),
      `DELETE FROM tasker.tasker_audit WHERE position = 7`,
    ]) {
      const connection = await test.pool.connect();
      await connection.query('BEGIN');
      expect((await connection.query(BROKEN_CHAIN)).rows, 'before').toEqual([]);
      await connection.query(tampering);
      expect((await connection.query(BROKEN_CHAIN)).rows.length, tampering).toBeGreaterThan(0);
      // Part by part the same is found as in one pass.
      for (const size of ['1', '2', '3', '1000']) {
        const found = await firstBroken(connection, size);
        expect(found, `${tampering} in parts of ${size}`).toBeDefined();
      }
      await connection.query('ROLLBACK');
      connection.release();
    }
    const lines = await exported();
    const without = (position: string): ChainedAct[] => lines.filter((line) => line.position !== position);
    expect(await verifyExport(asLines(lines))).toMatchObject({ broken: null });
    expect(await verifyExport(asLines(without('2')))).toMatchObject({ broken: { position: '5' } });
    expect(await verifyExport(asLines(without('6')))).toMatchObject({ broken: { position: '7' } });
    expect(await verifyExport(asLines(without('9')))).toMatchObject({ broken: { position: '2' } });
    expect(await verifyExport(asLines([first as ChainedAct, ...without('2')]))).toMatchObject({
      broken: { position: '5' },
    });
    const changed = lines.map((line) =>
      line.position === '5' ? { ...line, record: line.record.replace('ada', 'eve') } : line,
    );
    expect(await verifyExport(asLines(changed))).toMatchObject({ broken: { position: '5' } });
  });
});
