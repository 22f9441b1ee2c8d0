import { expect, it } from 'vitest';
import { z } from 'zod';
import { maintain } from '../../src/scheduler/chores/maintain.ts';
import { checkMaintenance } from '../../src/scheduler/maintenance-times.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useEngine } from '../engine/engine-fixture.ts';

const run: string[] = [];
const engine = await useEngine({ onQuery: (name) => run.push(name) });
const id = await engine.workflow(defineWorkflow({ name: 'small', input: z.unknown() }).step('a', () => 1));

const START = Date.parse('2026-05-01T12:01:00Z');

it('of several schedulers the first analyzes what is due, once, and the others find it done', async () => {
  // Nothing was analyzed, not by an earlier try either.
  await engine.test.query('SELECT pg_stat_reset()');
  await engine.submitOne(id);
  let at = START;
  const chores = [1, 2, 3].map(() =>
    maintain({ db: engine.db, cron: '*/10 * * * *', pruneWorkersHours: 24, now: () => at }),
  );
  const analyzed = async () => {
    run.length = 0;
    for (const chore of chores) await chore.run();
    return run.filter((name) => name === 'analyze_hot_tables').length;
  };
  // Due at 12:00, before they were made.
  expect(await analyzed()).toBe(0);
  at = START + 10 * 60_000;
  expect(await analyzed()).toBe(1);
  expect(await analyzed()).toBe(0);
  const [table] = await engine.test.query<{ analyzed: boolean }>(
    `SELECT last_analyze IS NOT NULL AS analyzed FROM pg_stat_user_tables WHERE relname = 'tasker_workflow_steps'`,
  );
  expect(table?.analyzed).toBe(true);
});

it('deletes the rows of processes that stopped long ago', async () => {
  const worker = await engine.worker();
  await engine.test.query(
    `UPDATE tasker.tasker_workers SET stopped_at = now() - interval '3 hours' WHERE worker_id = $1`,
    [worker.id],
  );
  const left = () => engine.test.query('SELECT 1 FROM tasker.tasker_workers WHERE worker_id = $1', [worker.id]);
  let at = START;
  const chore = maintain({ db: engine.db, cron: '*/10 * * * *', pruneWorkersHours: 2, now: () => at });
  await chore.run();
  expect(await left()).toHaveLength(1);
  at += 10 * 60_000;
  await chore.run();
  expect(await left()).toEqual([]);
});

it('refuses an invalid cron expression, by the name of its setting', async () => {
  await expect(checkMaintenance('61 * * * *')).rejects.toThrow(/TASKER_ANALYZE_CRON: cron expression "61 \* \* \* \*"/);
});
