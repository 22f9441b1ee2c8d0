import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { BROKEN_CHAIN } from '../../src/db/reads/audit.ts';
import { sealActs } from '../../src/engine/audit.ts';
import { type AuditKeep, pruneAudit, type Pruned } from '../../src/engine/prune-audit.ts';
import type { ChainedAct } from '../../src/reads/audit.ts';
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
  while ((await sealActs(db)).more);
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

/** What is verified of the chain in the database, which has to be what is verified of an export of it. */
async function report() {
  const found = await client.verifyAudit();
  expect(await verifyExport(asLines(await exported()))).toEqual(found);
  return found;
}

beforeEach(async () => {
  await test.query('TRUNCATE tasker.tasker_audit');
  await test.query(`UPDATE tasker.tasker_audit_head SET position = 0, hash = ''`);
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
