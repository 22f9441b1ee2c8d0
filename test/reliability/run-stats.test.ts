import { beforeAll, beforeEach, expect, it } from 'vitest';
import type { Transactions } from '../../src/db/connections/database.ts';
import { examine } from '../../src/db/doctor/examine.ts';
import { readHourStats, readRunStats } from '../../src/reads/run-stats.ts';
import { z } from 'zod';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { diamond, useEngine } from '../engine/engine-fixture.ts';
import { NOW, runStatsOf } from '../engine/run-stats-fixture.ts';
import { first } from '../support/first.ts';
import { loadTasks } from '../support/load-tasks.ts';

const engine = await useEngine();
const { query } = engine.test;
const { countAll, reset, ofStep } = runStatsOf(engine);
let workflow: number;
beforeAll(async () => {
  workflow = await engine.workflow(diamond);
});
beforeEach(reset);

const HOURS = `SELECT to_jsonb(r) AS row FROM tasker.tasker_run_stats r WHERE period = 'hour' ORDER BY starts_at, named_task_id, named_step_id`;
const START = `date_trunc('day', now(), 'UTC') - interval '28 hours'`;

/** Begins to count at this time, as if every task were younger. */
const countFrom = (time: string) =>
  query(`UPDATE tasker.tasker_run_stats_progress SET counted_until = ${time}, counted_from = ${time}`);

/** A day of tasks, in every hour of it. */
async function loadDay(tasks: number): Promise<void> {
  await loadTasks(engine.test.pool, { namedTaskId: workflow, tasks, progress: [-1, -1, -1, 2, 0] });
  // Spread over 26 hours, with runs of 10 ms to 20 s.
  const shift = (alias: string) => `(${alias}.task_id % 26) * interval '1 hour' - interval '3 hours'`;
  for (const history of ['tasker_workflow_step_transitions', 'tasker_task_transitions']) {
    await query(
      `UPDATE tasker.${history} t SET created_at = date_trunc('day', now(), 'UTC') - interval '1 day' + ${shift('t')}
         + (t.task_id % 3000) * interval '1 second' + (t.sort_key - 1) * (10 + t.task_id * 7919 % 20000) * interval '1 ms'`,
    );
  }
  await query(
    `UPDATE tasker.tasker_tasks t SET requested_at = h.created_at - (t.task_id % 100) * interval '10 ms'
     FROM tasker.tasker_task_transitions h WHERE h.task_id = t.task_id AND h.sort_key = 1`,
  );
  await query(
    `UPDATE tasker.tasker_tasks t SET completed_at = (SELECT max(h.created_at) FROM tasker.tasker_workflow_step_transitions h WHERE h.task_id = t.task_id)
     WHERE state = 'complete'`,
  );
}

it('a day of tasks is counted by hour as the histories have it; percentiles are right within 5 %; a day is the sum of its hours', async () => {
  await loadDay(4000);
  await countFrom(START);
  await countAll({ ...NOW, sliceSeconds: 3600 });
  const counted = await query(
    `SELECT r.starts_at, s.name, r.runs, r.failures, r.retries, r.running_p50, r.running_p95
     FROM tasker.tasker_run_stats r JOIN tasker.tasker_named_steps s USING (named_step_id) WHERE r.period = 'hour' ORDER BY 1, 2`,
  );
  const wanted = await query<{ running_p50: number; running_p95: number }>(
    `SELECT date_trunc('hour', h.created_at, 'UTC') AS starts_at, n.name, count(*) AS runs, 0::bigint AS failures, 0::bigint AS retries,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM h.created_at - b.created_at)::float8) AS running_p50,
       percentile_disc(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM h.created_at - b.created_at)::float8) AS running_p95
     FROM tasker.tasker_workflow_step_transitions h
     JOIN tasker.tasker_workflow_step_transitions b USING (task_id, workflow_step_id)
     JOIN tasker.tasker_workflow_steps s USING (task_id, workflow_step_id)
     JOIN tasker.tasker_named_steps n USING (named_step_id)
     WHERE h.sort_key = 2 AND b.sort_key = 1 GROUP BY 1, 2 ORDER BY 1, 2`,
  );
  expect(counted.length).toBeGreaterThan(24 * 4);
  const within = (value: number) => expect.closeTo(value, 10) as number;
  expect(counted.map((row) => ({ ...row, running_p50: within(0), running_p95: within(0) }))).toEqual(
    wanted.map((row) => ({ ...row, running_p50: within(0), running_p95: within(0) })),
  );
  for (const [index, row] of wanted.entries()) {
    for (const percentile of ['running_p50', 'running_p95'] as const) {
      const value = (counted[index] as typeof row)[percentile];
      expect(Math.abs(value / row[percentile] - 1)).toBeLessThan(0.05);
    }
  }
  const tasks = await query<{ runs: string; wanted: string }>(
    `SELECT sum(runs) AS runs, (SELECT count(*) FROM tasker.tasker_tasks WHERE state = 'complete') AS wanted
     FROM tasker.tasker_run_stats WHERE period = 'hour' AND named_step_id = 0`,
  );
  expect(tasks[0]?.runs).toBe(tasks[0]?.wanted);
  const days = await query<{ same: boolean }>(
    `SELECT d.runs = sum(h.runs) AND d.running_p95 BETWEEN min(h.running_p50) AND max(h.running_p95) AS same
     FROM tasker.tasker_run_stats d
     JOIN tasker.tasker_run_stats h ON h.period = 'hour' AND h.named_task_id = d.named_task_id AND h.named_step_id = d.named_step_id
       AND h.starts_at >= d.starts_at AND h.starts_at < d.starts_at + interval '1 day'
     WHERE d.period = 'day' GROUP BY d.starts_at, d.named_task_id, d.named_step_id, d.runs, d.running_p95`,
  );
  expect(days.length).toBeGreaterThanOrEqual(5);
  expect(days.every(({ same }) => same)).toBe(true);
  const total = await ofStep('d');
  expect(total).toMatchObject({ runs: wanted.length > 0 ? Number(first(tasks).wanted) : 0, failures: 0, retries: 0 });
  const hours = await readHourStats(engine.db, { since: new Date(0), namespace: 'default', workflow: 'diamond' });
  expect(hours.rows.filter(({ closed }) => closed).length).toBeGreaterThan(20);
  expect((await examine(engine.db)).filter(({ id }) => id.startsWith('stats_'))).toEqual([]);
});

it('a day of tasks is counted the same in small parts, by three schedulers at once, and over crashes', async () => {
  await loadDay(1500);
  await countFrom(START);
  await countAll({ ...NOW, sliceSeconds: 3600 });
  const once = await query(HOURS);
  await query('TRUNCATE tasker.tasker_run_stats, tasker.tasker_run_stats_tasks');
  await query(`UPDATE tasker.tasker_run_stats_progress SET listed_up_to = 0, next_listed_at = NULL`);
  await countFrom(START);
  let statements = 0;
  const crashing: Transactions = {
    transaction: (work) =>
      engine.db.transaction((tx) =>
        work({
          ...tx,
          async run(statement, ...given) {
            const rows = await tx.run(statement, ...given);
            statements += 1;
            if (statements % 37 === 0) throw new Error('crashed');
            return rows;
          },
        }),
      ),
  };
  const parts = { ...NOW, sliceSeconds: 3600, limit: 170 };
  const scheduler = async (): Promise<void> => {
    for (let ended = false; !ended;) {
      ended = await countAll(parts, crashing).then(
        () => true,
        (error: Error) => {
          expect(error.message).toBe('crashed');
          return false;
        },
      );
    }
  };
  await Promise.all([scheduler(), scheduler(), scheduler()]);
  expect(statements).toBeGreaterThan(300);
  expect(await query(HOURS)).toEqual(once);
});

it('90 days of 20 workflows with five steps each are read from their sums', async () => {
  for (let n = 0; n < 19; n += 1) {
    const one = defineWorkflow({ name: `workflow_${n}`, input: z.unknown() });
    await engine.workflow(
      ['b', 'c', 'd', 'e'].reduce(
        (made, step) => made.step(step, () => 1),
        one.step('a', () => 1),
      ),
    );
  }
  await query(
    `INSERT INTO tasker.tasker_run_stats (period, starts_at, named_task_id, named_step_id, runs, failures, retries, waiting_p50, waiting_p95,
       running_p50, running_p95, waiting_buckets, waiting_counts, running_buckets, running_counts)
     SELECT p.period, at, k.named_task_id, k.named_step_id, 1000, 3, 2, 0.1, 0.2, 0.1, 0.2,
       ARRAY(SELECT b::smallint FROM generate_series(30, 53) AS b), ARRAY(SELECT 40::bigint FROM generate_series(30, 53)),
       ARRAY(SELECT b::smallint FROM generate_series(50, 73) AS b), ARRAY(SELECT 40::bigint FROM generate_series(50, 73))
     FROM (VALUES ('hour', interval '1 hour'), ('day', interval '1 day')) AS p (period, step)
     CROSS JOIN generate_series(date_trunc('day', now(), 'UTC') - interval '89 days', now(), p.step) AS at
     CROSS JOIN (
       SELECT named_task_id, named_step_id FROM tasker.tasker_named_tasks_named_steps
       UNION ALL
       SELECT named_task_id, 0 FROM tasker.tasker_named_tasks) k`,
  );
  await query(`UPDATE tasker.tasker_run_stats_progress SET counted_until = now()`);
  await query('VACUUM ANALYZE tasker.tasker_run_stats');
  const filter = { since: new Date(Date.now() - 90 * 86_400_000), namespace: 'default', workflow: 'diamond' };
  const fastest = async (read: () => Promise<unknown>): Promise<number> => {
    const times: number[] = [];
    for (let run = 0; run < 5; run += 1) {
      const started = performance.now();
      await read();
      times.push(performance.now() - started);
    }
    return Math.min(...times);
  };
  const all = await fastest(() => readRunStats(engine.db, { since: filter.since, steps: true }));
  const tasks = await fastest(() => readRunStats(engine.db, { since: filter.since }));
  const hours = await fastest(() => readHourStats(engine.db, filter));
  // Measured on a busy machine: 75 ms, 280 ms and 1 s.
  expect(hours).toBeLessThan(1000);
  expect(tasks).toBeLessThan(2000);
  expect(all).toBeLessThan(8000);
});
