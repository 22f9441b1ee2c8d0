/**
 * What is read of the audit again and again is bounded by what it is about, also with plans from a time when the audit was empty, which a session keeps until somebody analyses the table.
 */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportAudit, verifyAuditPart } from '../../src/db/reads/audit.ts';
import { readByIndexOnly } from '../../src/db/reads/task-sets.ts';
import { findLatePrune, findUnsealed, sealAudit } from '../../src/db/statements/acts/audit.ts';
import { sealAll } from '../../src/engine/audit.ts';
import { useEngine } from '../engine/engine-fixture.ts';
import { type Call, call, keptPlanOf, type Plan } from './plan.ts';

const ACTS = 20_000;
const SIZE = 200;
const engine = await useEngine();
const { test } = engine;
const session = new pg.Client({ connectionString: test.url });
const settings = call(readByIndexOnly, { how: 'ordered' });

/** Each statement after half of the acts got their places, whether it runs behind `readByIndexOnly`, and the pages that it may touch. */
const statements: readonly [what: string, ordered: boolean, pages: number, given: Call][] = [
  ['whether acts wait for their place', false, 20, call(findUnsealed, { after: String(ACTS) })],
  ['whether retention has been here', false, 20, call(findLatePrune, { seconds: 3600 })],
  ['giving acts their place', true, 25 * SIZE, call(sealAudit, { after: String(ACTS), size: SIZE })],
  ['verifying a part', true, SIZE, call(verifyAuditPart, { after: String(ACTS / 2), limit: SIZE })],
  ['exporting a part', true, SIZE, call(exportAudit, { after: String(ACTS / 2), limit: SIZE })],
];
const kept = new Map<string, Plan>();

const write = () =>
  test.query(
    `INSERT INTO tasker.tasker_audit (act, subject, subject_id, by, outcome, refused)
     SELECT 'payload.read', 'task', n::text, 'ada', 'done', false FROM generate_series(1, $1::integer) n`,
    [ACTS],
  );

beforeAll(async () => {
  await session.connect();
  await test.query('ALTER TABLE tasker.tasker_audit SET (autovacuum_enabled = off)');
  for (const [, ordered, , { name, text, values }] of statements) {
    for (let execution = 0; execution < 8; execution += 1) {
      await session.query('BEGIN');
      if (ordered) await session.query(settings.text, [...settings.values]);
      await session.query({ name, text, values: [...values] });
      await session.query('ROLLBACK');
    }
  }
  await write();
  await sealAll(engine.db);
  await write();
  for (const [what, , , given] of statements) kept.set(what, await keptPlanOf(session, given));
}, 60_000);

afterAll(() => session.end());

describe('with the plan of an empty audit', () => {
  it.each(statements)('%s reads no more than it has to', (what, _, pages) => {
    const plan = kept.get(what);
    expect([...(plan?.sequential ?? [])]).not.toContain('tasker_audit');
    expect(plan?.buffers).toBeLessThan(pages);
  });
});

it('a batch of acts gets its places by one look-up for each, whichever joins the planner has', async () => {
  const connection = await test.pool.connect();
  try {
    await connection.query('BEGIN');
    for (const join of ['hashjoin', 'mergejoin']) await connection.query(`SET LOCAL enable_${join} = off`);
    const { rows } = await connection.query<{ 'QUERY PLAN': [{ Plan: Node }] }>(
      `EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ${sealAudit.text}`,
      ['0', SIZE],
    );
    expect(rowsOf(rows[0]?.['QUERY PLAN'][0].Plan as Node)).toBeLessThan(30 * SIZE);
  } finally {
    await connection.query('ROLLBACK');
    connection.release();
  }
});

interface Node {
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Join Filter'?: number;
  Plans?: Node[];
}

/** Rows that all nodes of a plan have had in their hands. */
function rowsOf(node: Node): number {
  const removed = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Join Filter'] ?? 0);
  const own = (node['Actual Rows'] + removed) * node['Actual Loops'];
  return (node.Plans ?? []).reduce((sum, child) => sum + rowsOf(child), own);
}
