import { type Kysely, sql } from 'kysely';

/**
 * Run statistics by week, so that months are read from few rows, and a sum of the day that is not over, made when each of its hours
 * closes. Of what is there: the sums of the hours of that day, and of the days of each week.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await allow(db, ['hour', 'day', 'week']);
  await sql`DELETE FROM tasker.tasker_run_stats WHERE period = 'day' AND starts_at >= (
    SELECT date_trunc('day', p.counted_until, 'UTC') FROM tasker.tasker_run_stats_progress p)`.execute(db);
  await addUp(
    db,
    'hour',
    'day',
    `s.starts_at >= date_trunc('day', p.counted_until, 'UTC') AND s.starts_at < date_trunc('hour', p.counted_until, 'UTC')`,
  );
  await addUp(db, 'day', 'week', 'true');
  await sql`COMMENT ON COLUMN tasker.tasker_run_stats.period IS ${sql.lit(
    '`hour`, `day`: the sum of its hours, made anew when each of them is closed, or `week` (from Monday): the sum of its days, made anew when each of them is.',
  )}`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DELETE FROM tasker.tasker_run_stats WHERE period = 'week'`.execute(db);
  await allow(db, ['hour', 'day']);
  await sql`COMMENT ON COLUMN tasker.tasker_run_stats.period IS ${sql.lit(
    '`hour`, or `day`: the sum of its 24 hours, made when the last of them is closed.',
  )}`.execute(db);
}

/** The table is small: the constraint is checked within moments. */
async function allow(db: Kysely<unknown>, periods: readonly string[]): Promise<void> {
  await sql`ALTER TABLE tasker.tasker_run_stats DROP CONSTRAINT run_stats_agree`.execute(db);
  await sql`
    ALTER TABLE tasker.tasker_run_stats ADD CONSTRAINT run_stats_agree CHECK (
      period IN (${sql.join(periods.map((period) => sql.lit(period)))}) AND runs >= 0 AND failures BETWEEN 0 AND runs AND retries >= 0
      AND cardinality(waiting_buckets) = cardinality(waiting_counts)
      AND cardinality(running_buckets) = cardinality(running_counts))`.execute(db);
}

/** Without percentiles, which are computed from the buckets when they are read. */
async function addUp(db: Kysely<unknown>, from: 'hour' | 'day', to: 'day' | 'week', which: string): Promise<void> {
  const merged = (measure: string): string => `
    LEFT JOIN (
      SELECT b.starts_at, b.named_task_id, b.named_step_id, array_agg(b.bucket ORDER BY b.bucket) AS buckets,
        array_agg(b.count ORDER BY b.bucket) AS counts
      FROM (
        SELECT u.starts_at, u.named_task_id, u.named_step_id, u.bucket, sum(u.count)::bigint AS count
        FROM (
          SELECT date_trunc('${to}', s.starts_at, 'UTC') AS starts_at, s.named_task_id, s.named_step_id,
            unnest(s.${measure}_buckets) AS bucket, unnest(s.${measure}_counts) AS count
          FROM picked s
        ) u
        GROUP BY u.starts_at, u.named_task_id, u.named_step_id, u.bucket
      ) b
      GROUP BY b.starts_at, b.named_task_id, b.named_step_id
    ) ${measure} USING (starts_at, named_task_id, named_step_id)`;
  await sql
    .raw(
      `
    WITH picked AS MATERIALIZED (
      SELECT s.* FROM tasker.tasker_run_stats s CROSS JOIN tasker.tasker_run_stats_progress p WHERE s.period = '${from}' AND ${which}
    )
    INSERT INTO tasker.tasker_run_stats (period, starts_at, named_task_id, named_step_id, runs, failures, retries,
      waiting_buckets, waiting_counts, running_buckets, running_counts)
    SELECT '${to}', t.starts_at, t.named_task_id, t.named_step_id, t.runs, t.failures, t.retries,
      coalesce(waiting.buckets, '{}'), coalesce(waiting.counts, '{}'), coalesce(running.buckets, '{}'), coalesce(running.counts, '{}')
    FROM (
      SELECT date_trunc('${to}', s.starts_at, 'UTC') AS starts_at, s.named_task_id, s.named_step_id,
        sum(s.runs)::bigint AS runs, sum(s.failures)::bigint AS failures, sum(s.retries)::bigint AS retries
      FROM picked s
      GROUP BY 1, 2, 3
    ) t ${merged('waiting')} ${merged('running')}`,
    )
    .execute(db);
}
