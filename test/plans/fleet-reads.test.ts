/**
 * What is read of the fleet again and again while somebody looks: bounded with a large backlog, in a session that was opened when there was nothing, and behind the entries of
 * steps that were claimed and that no vacuum could remove.
 */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { findUnservedVersions } from '../../src/db/reads/attention.ts';
import { FLEET_READINGS } from '../../src/db/reads/fleet.ts';
import { queueStats } from '../../src/db/reads/queues.ts';
import { refreshStatistics } from '../../src/scheduler/chores/refresh-statistics.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useEngine } from '../engine/engine-fixture.ts';
import { evaluateOnce } from '../scaling/evaluate-once.ts';
import { loadTasks } from '../support/load-tasks.ts';
import { call, keptPlanOf, type Plan, planOf } from './plan.ts';

const READY = 30_000;
/** More than pages may be touched. */
const CLAIMED = 10_000;
/** The index entries of the 10,000 steps that are counted, the rows of 200 steps at the front, and small tables. */
const PAGES = 2500;
const engine = await useEngine();
const { test } = engine;
const session = new pg.Client({ connectionString: test.url });
const snapshot = new pg.Client({ connectionString: test.url });
const kept = new Map<string, Plan>();

const evaluate = (): Promise<unknown> => evaluateOnce(engine.db);
const readings = FLEET_READINGS.map((statement) => [statement.name, call(statement)] as const);

beforeAll(async () => {
  await session.connect();
  await snapshot.connect();
  const stored = await test.query<{ table: string }>(
    `SELECT c.oid::regclass::text AS table FROM pg_class c WHERE c.relnamespace = 'tasker'::regnamespace AND c.relkind = 'r'`,
  );
  for (const { table } of stored) await test.query(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`);
  for (const [name, { text }] of readings)
    for (let execution = 0; execution < 8; execution += 1) await session.query({ name, text });

  const one = await engine.workflow(defineWorkflow({ name: 'one', input: z.unknown() }).step('a', () => 1));
  await loadTasks(test.pool, { namedTaskId: one, tasks: READY, progress: [0] });
  await refreshStatistics({ db: engine.db, intervalMs: 3000 }).run();
  for (const [name, given] of readings) kept.set(name, await keptPlanOf(session, given));

  // In another order than that of their rows.
  await test.query(`UPDATE tasker.tasker_workflow_steps SET ready_at = ready_at - random() * interval '1 hour'`);
  await test.query('VACUUM ANALYZE');
  // Index entries of what is claimed from now on can neither be removed nor marked as dead.
  await snapshot.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  await snapshot.query('SELECT FROM tasker.tasker_workers');
  const worker = await engine.worker();
  for (let claimed = 0; claimed < CLAIMED;) claimed += (await worker.claim(500)).length;
}, 60_000);

afterAll(async () => {
  await snapshot.end();
  await session.end();
});

it.each(readings)('%s reads a bounded part of a backlog after the next poll of a scheduler', (name) => {
  const plan = kept.get(name);
  expect([...(plan?.sequential ?? [])]).not.toContain('tasker_workflow_steps');
  expect(plan?.buffers).toBeLessThan(PAGES);
});

describe('behind the entries of claimed steps', () => {
  it.each(readings)(
    '%s begins where the last evaluation of the scaling has found the oldest ready step',
    async (_, given) => {
      await evaluate();
      expect((await planOf(test.pool, given)).buffers).toBeLessThan(PAGES);
    },
  );

  it('finds the same with an evaluation as without: also what nobody serves at the front', async () => {
    const [oldest] = await test.query<{ id: string }>(
      `UPDATE tasker.tasker_workflow_steps SET ready_at = ready_at - interval '1 day'
       WHERE workflow_step_id = (SELECT max(workflow_step_id) FROM tasker.tasker_workflow_steps WHERE ready_at IS NOT NULL)
       RETURNING workflow_step_id AS id`,
    );
    expect(oldest).toBeDefined();
    const found = async (): Promise<unknown> => {
      const unserved = await engine.db.run(findUnservedVersions);
      const depths = await engine.db.run(queueStats);
      // Seconds go by between the two.
      const hours = (seconds: number): number => Math.round(seconds / 3600);
      return [
        unserved.map((row) => ({ ...row, oldest_ready_seconds: hours(row.oldest_ready_seconds) })),
        depths.map(({ queue, oldest_ready_seconds: seconds }) => [queue, hours(seconds)]),
      ];
    };
    await test.query('DELETE FROM tasker.tasker_queue_scaling_signals');
    const before = await found();
    expect(before).toMatchObject([[{ workflow: 'one', ready: 200 }], [['default', expect.any(Number)]]]);
    await evaluate();
    expect(await found()).toEqual(before);
  });

  it('what is older than the oldest that was not paused is found while a workflow is paused', async () => {
    await evaluate();
    await test.query(`UPDATE tasker.tasker_queue_scaling_signals SET oldest_ready_seconds = 0`);
    expect(await engine.db.run(findUnservedVersions)).toEqual([]);
    await test.query(`INSERT INTO tasker.tasker_pauses (kind, name, by) VALUES ('workflow', 'default/one', 'a test')`);
    expect(await engine.db.run(findUnservedVersions)).toMatchObject([{ workflow: 'one' }]);
  });
});
