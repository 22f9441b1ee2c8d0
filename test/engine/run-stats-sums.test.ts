import { beforeAll, beforeEach, expect, it } from 'vitest';
import { examine } from '../../src/db/doctor/examine.ts';
import { sumDay, sumWeek } from '../../src/db/statements/stats/count-runs.ts';
import { pruneRunStats } from '../../src/db/statements/stats/progress.ts';
import { readRunStats } from '../../src/reads/run-stats.ts';
import { migrateTo, migrateToLatest } from '../../src/db/migrate.ts';
import { first } from '../support/first.ts';
import { diamond, useEngine } from './engine-fixture.ts';
import { NOW, runStatsOf } from './run-stats-fixture.ts';

const engine = await useEngine();
const { query } = engine.test;
const { countAll, reset } = runStatsOf(engine);
let workflow: number;
beforeAll(async () => {
  workflow = await engine.workflow(diamond);
});
beforeEach(reset);

const HOUR_MS = 3_600_000;

/** Hours of 24 days up to `until`, each with other figures, summed as the chore does when each of them is closed. */
async function loadHours(until: Date): Promise<void> {
  await query(
    `INSERT INTO tasker.tasker_run_stats (period, starts_at, named_task_id, named_step_id, runs, failures, retries,
       waiting_buckets, waiting_counts, running_buckets, running_counts)
     SELECT 'hour', at, $2, s.id, n + s.id, n % 3, n % 5, ARRAY[(n % 50)::smallint, 60::smallint], ARRAY[n, 1], ARRAY[(n % 90)::smallint], ARRAY[n]
     FROM (
       SELECT at, row_number() OVER () AS n
       FROM generate_series(date_trunc('hour', $1::timestamptz, 'UTC') - interval '24 days', $1::timestamptz, interval '1 hour') AS at
     ) h
     CROSS JOIN (
       SELECT 0 AS id UNION ALL SELECT named_step_id FROM tasker.tasker_named_tasks_named_steps WHERE named_task_id = $2) s`,
    [until, workflow],
  );
  await query(
    `UPDATE tasker.tasker_run_stats_progress SET counted_until = $1, counted_from = $1::timestamptz - interval '24 days'`,
    [until],
  );
  const begins = (unit: string): Promise<{ at: Date }[]> =>
    query(`SELECT DISTINCT date_trunc('${unit}', starts_at, 'UTC') AS at FROM tasker.tasker_run_stats WHERE period = 'hour'
           AND starts_at < date_trunc('hour', (SELECT counted_until FROM tasker.tasker_run_stats_progress), 'UTC')`);
  // The hour that is not over is in no sum.
  await query(
    `UPDATE tasker.tasker_run_stats SET period = 'week' WHERE period = 'hour' AND starts_at = date_trunc('hour', $1::timestamptz, 'UTC')`,
    [until],
  );
  for (const { at } of await begins('day')) await engine.db.run(sumDay, { starts_at: at });
  await query(`UPDATE tasker.tasker_run_stats SET period = 'hour' WHERE period = 'week'`);
  for (const { at } of await begins('week')) await engine.db.run(sumWeek, { starts_at: at });
}

it('a time is the sum of its hours, however it is made up of weeks, days and hours', async () => {
  // A Wednesday afternoon, the end of a week, and the first hour of one.
  for (const until of [
    '2026-05-13T15:20:00Z',
    '2026-05-14T16:00:00Z',
    '2026-05-18T00:00:00Z',
    '2026-05-18T00:30:00Z',
  ]) {
    await reset();
    await loadHours(new Date(until));
    for (const hours of [0, 1, 10, 16, 24, 40, 24 * 3, 24 * 7 + 5, 24 * 8, 24 * 14 + 1, 24 * 20, 24 * 23]) {
      const { since, rows } = await readRunStats(engine.db, {
        since: new Date(Date.parse(until) - hours * HOUR_MS),
        steps: true,
      });
      const wanted = await query(
        `SELECT s.name AS step, sum(runs)::float8 AS runs, sum(failures)::float8 AS failures, sum(retries)::float8 AS retries
         FROM tasker.tasker_run_stats r
         LEFT JOIN tasker.tasker_named_steps s USING (named_step_id)
         WHERE r.period = 'hour' AND r.starts_at >= $1 AND r.starts_at < $2
         GROUP BY s.name ORDER BY s.name NULLS FIRST`,
        [since, until],
      );
      const counted = rows.map(({ step, runs, failures, retries }) => ({ step, runs, failures, retries }));
      expect(counted, `${hours} hours before ${until}`).toEqual(wanted);
    }
  }
});

it('what began more than a week ago begins with a day', async () => {
  const longAgo = await readRunStats(engine.db, { since: new Date(Date.now() - 30 * 24 * HOUR_MS) });
  expect(longAgo.since.toISOString()).toMatch(/T00:00:00.000Z$/);
  const recent = new Date(Date.now() - 7 * 24 * HOUR_MS);
  expect((await readRunStats(engine.db, { since: recent })).since.getTime()).toBe(
    Math.floor(recent.getTime() / HOUR_MS) * HOUR_MS,
  );
});

it('hours, days and weeks are removed when they are old enough, and the doctor does not miss them', async () => {
  const now = new Date();
  await loadHours(now);
  const counts = async () =>
    first(
      await query<{ hours: number; days: number; weeks: number }>(
        `SELECT count(*) FILTER (WHERE period = 'hour')::integer AS hours, count(*) FILTER (WHERE period = 'day')::integer AS days,
           count(*) FILTER (WHERE period = 'week')::integer AS weeks
         FROM tasker.tasker_run_stats WHERE named_step_id = 0`,
      ),
    );
  const before = await counts();
  await engine.db.run(pruneRunStats, { hours_kept_days: 100, days_kept_days: 1100 });
  expect(await counts()).toEqual(before);
  const month = { since: new Date(now.getTime() - 14 * 24 * HOUR_MS), steps: true };
  const whole = await readRunStats(engine.db, month);
  await engine.db.run(pruneRunStats, { hours_kept_days: 8, days_kept_days: 15 });
  const after = await counts();
  expect(after.hours).toBe(8 * 24 + now.getUTCHours() + 1);
  // In its first hour a day has no sum yet.
  expect(after.days).toBe(now.getUTCHours() === 0 ? 15 : 16);
  expect(after.weeks).toBeLessThan(before.weeks);
  // Sums do not need their hours any more.
  expect(await readRunStats(engine.db, month)).toEqual(whole);
  expect((await examine(engine.db)).filter(({ id }) => id.startsWith('stats_'))).toEqual([]);
});

it('the chore removes them, and sums the day that is not over', async () => {
  await loadHours(new Date(Date.now() - 2 * HOUR_MS));
  const worker = await engine.worker();
  await engine.submitOne(workflow);
  await worker.complete([await worker.claimOne()]);
  await countAll({ ...NOW, hoursKeptDays: 8 });
  const [hours] = await query<{ oldest: Date }>(
    `SELECT min(starts_at) AS oldest FROM tasker.tasker_run_stats WHERE period = 'hour'`,
  );
  expect(Date.now() - (hours?.oldest.getTime() ?? 0)).toBeLessThan(9 * 24 * HOUR_MS + HOUR_MS);
  const [wrong] = await query<{ days: number }>(
    `SELECT count(*)::integer AS days
     FROM tasker.tasker_run_stats d
     CROSS JOIN tasker.tasker_run_stats_progress p
     WHERE d.period = 'day' AND d.starts_at > p.counted_from AND d.runs <> (
       SELECT sum(h.runs) FROM tasker.tasker_run_stats h
       WHERE h.period = 'hour' AND h.named_task_id = d.named_task_id AND h.named_step_id = d.named_step_id
         AND h.starts_at >= d.starts_at AND h.starts_at < d.starts_at + interval '1 day'
         AND h.starts_at < date_trunc('hour', p.counted_until, 'UTC'))`,
  );
  expect(wrong?.days).toBe(0);
});

it('a database that was counted by hour and day gets its weeks and the day that is not over', async () => {
  await loadHours(new Date('2026-05-13T15:20:00Z'));
  const sums = `SELECT period, starts_at, named_step_id, runs, failures, retries, waiting_buckets, waiting_counts, running_buckets, running_counts
    FROM tasker.tasker_run_stats WHERE period <> 'hour' ORDER BY period, starts_at, named_step_id`;
  const before = await query(sums);
  await migrateTo(engine.test.url, '0030_api');
  await query(`DELETE FROM tasker.tasker_run_stats WHERE period = 'day' AND starts_at = '2026-05-13T00:00:00Z'`);
  await migrateToLatest(engine.test.url);
  expect(await query(sums)).toEqual(before);
});
