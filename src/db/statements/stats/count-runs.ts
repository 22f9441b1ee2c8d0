import { defineStatement } from '../../statement.ts';
import { withCtes } from '../ctes.ts';

/** Buckets of durations grow by this factor: a value is known within 5 %. */
const GROWTH = 1.1;
/** More than a year. */
const LAST_BUCKET = 255;

/** The bucket of a time in seconds. */
const bucketOf = (seconds: string): string =>
  `least(${LAST_BUCKET}, greatest(0, ceil(ln(greatest(${seconds}, 0.001) * 1000) / ln(${GROWTH}::float8))))::smallint`;

/** The middle of a bucket, in seconds. */
export const secondsOf = (bucket: string): string =>
  `(power(${GROWTH}::float8, ${bucket}) * ${2 / (1 + GROWTH)} / 1000)`;

/** Neither given back nor written by another program: an imported history has no cause, or the cause `inherited`. */
export const counts = (transition: string): string =>
  `coalesce(${transition}.cause, 'inherited') NOT IN ('inherited', 'released')`;

/** The tasks, and the slice of time. */
const PICKED = `picked AS MATERIALIZED (
  SELECT t.task_id, t.named_task_id, t.requested_at, p.counted_until AS since, p.slice_until AS until
  FROM tasker.tasker_run_stats_progress p
  CROSS JOIN unnest(:task_ids::bigint[]) AS i (task_id)
  CROSS JOIN LATERAL (SELECT * FROM tasker.tasker_tasks x WHERE x.task_id = i.task_id LIMIT 1) t
)`;

/**
 * The attempts that ended in the slice. The transition before an end is its claim; the one before that, if there is any, put the step back
 * in its queue. A step that was never claimed before waited for its parents, or since its task was requested.
 */
export const ATTEMPTS = `attempts AS MATERIALIZED (
  SELECT e.named_task_id, s.named_step_id, e.failed, e.failed_before, e.since, e.until,
    extract(epoch FROM e.created_at - e.claimed_at)::float8 AS running,
    extract(epoch FROM e.claimed_at - greatest(coalesce(e.queued_at, e.requested_at), (
      SELECT max(x.processed_at)
      FROM tasker.tasker_workflow_step_edges g
      JOIN tasker.tasker_workflow_steps x ON x.task_id = g.task_id AND x.workflow_step_id = g.from_step_id
      WHERE g.task_id = e.task_id AND g.to_step_id = e.workflow_step_id)))::float8 AS waiting
  FROM (
    SELECT p.named_task_id, p.requested_at, p.since, p.until, h.task_id, h.workflow_step_id, h.from_state, h.to_state, h.cause, h.created_at,
      h.to_state = 'error' OR h.cause = 'lease_expired' AS failed,
      lag(h.created_at) OVER steps AS claimed_at,
      lag(h.created_at, 2) OVER steps AS queued_at,
      coalesce(bool_or(h.to_state = 'error' OR h.cause = 'lease_expired') OVER (steps ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), false)
        AS failed_before
    FROM picked p
    CROSS JOIN LATERAL (
      SELECT * FROM tasker.tasker_workflow_step_transitions x WHERE x.task_id = p.task_id OFFSET 0
    ) h
    WINDOW steps AS (PARTITION BY h.task_id, h.workflow_step_id ORDER BY h.sort_key)
  ) e
  CROSS JOIN LATERAL (
    SELECT x.named_step_id
    FROM tasker.tasker_workflow_steps x
    WHERE x.task_id = e.task_id AND x.workflow_step_id = e.workflow_step_id
    LIMIT 1
  ) s
  WHERE e.from_state = 'in_progress' AND e.to_state <> 'cancelled' AND ${counts('e')}
    AND e.created_at >= e.since AND e.created_at < e.until
)`;

/** The ends of tasks, and the retries of tasks in error, in the slice. */
const TASKS = `tasks AS MATERIALIZED (
  SELECT e.named_task_id, e.from_state = 'in_progress' AS ended, e.to_state = 'error' AS failed,
    CASE WHEN e.from_state = 'in_progress' THEN extract(epoch FROM e.created_at - e.begun_at)::float8 END AS running,
    CASE WHEN e.from_state = 'in_progress' AND e.sort_key = 2 THEN extract(epoch FROM e.begun_at - e.requested_at)::float8 END AS waiting
  FROM (
    SELECT p.named_task_id, p.requested_at, p.since, p.until, h.sort_key, h.from_state, h.to_state, h.cause, h.created_at,
      lag(h.created_at) OVER (PARTITION BY h.task_id ORDER BY h.sort_key) AS begun_at
    FROM picked p
    CROSS JOIN LATERAL (SELECT * FROM tasker.tasker_task_transitions x WHERE x.task_id = p.task_id OFFSET 0) h
  ) e
  WHERE (e.from_state = 'in_progress' AND e.to_state IN ('complete', 'error') OR e.from_state = 'error' AND e.to_state = 'in_progress')
    AND ${counts('e')} AND e.created_at >= e.since AND e.created_at < e.until
)`;

const RUNS = `runs AS MATERIALIZED (
  SELECT a.named_task_id, a.named_step_id, 1 AS runs, a.failed::integer AS failures, a.failed_before::integer AS retries, a.waiting, a.running
  FROM attempts a
  UNION ALL
  SELECT t.named_task_id, 0, t.ended::integer, (t.ended AND t.failed)::integer, (NOT t.ended)::integer, t.waiting, t.running
  FROM tasks t
)`;

const TOTALS = `totals AS MATERIALIZED (
  SELECT 'hour'::text AS period, date_trunc('hour', p.counted_until, 'UTC') AS starts_at, r.named_task_id, r.named_step_id,
    sum(r.runs) AS runs, sum(r.failures) AS failures, sum(r.retries) AS retries
  FROM runs r
  CROSS JOIN tasker.tasker_run_stats_progress p
  GROUP BY p.counted_until, r.named_task_id, r.named_step_id
)`;

/** The buckets of the rows `h` of `source`. In the list of what is selected, where unnest costs a fifth of a join with it. */
const bucketsOf = (source: string): string =>
  (['waiting', 'running'] as const)
    .map(
      (
        measure,
      ) => `SELECT h.named_task_id, h.named_step_id, '${measure}' AS measure, unnest(h.${measure}_buckets) AS bucket,
    unnest(h.${measure}_counts) AS count
  FROM ${source}`,
    )
    .join('\n  UNION ALL\n  ');

/** Buckets so far, and those of the slice. */
const PARTS = `parts AS MATERIALIZED (
  SELECT r.named_task_id, r.named_step_id, m.measure, ${bucketOf('m.seconds')} AS bucket, 1::bigint AS count
  FROM runs r
  CROSS JOIN LATERAL (VALUES ('waiting', r.waiting), ('running', r.running)) AS m (measure, seconds)
  WHERE m.seconds IS NOT NULL
  UNION ALL
  ${bucketsOf(`totals t
  JOIN tasker.tasker_run_stats h
    ON h.period = t.period AND h.starts_at = t.starts_at AND h.named_task_id = t.named_task_id AND h.named_step_id = t.named_step_id`)}
)`;

/**
 * The sums of `parts` by step and measure, with their percentiles: the first bucket up to which there are enough.
 */
export const MERGED = `merged AS MATERIALIZED (
  SELECT c.named_task_id, c.named_step_id, c.measure,
    array_agg(c.bucket ORDER BY c.bucket) AS buckets,
    array_agg(c.count ORDER BY c.bucket) AS counts,
    ${secondsOf('min(c.bucket) FILTER (WHERE c.up_to >= 0.5 * c.total)')} AS p50,
    ${secondsOf('min(c.bucket) FILTER (WHERE c.up_to >= 0.95 * c.total)')} AS p95
  FROM (
    SELECT b.*,
      sum(b.count) OVER (PARTITION BY b.named_task_id, b.named_step_id, b.measure ORDER BY b.bucket) AS up_to,
      sum(b.count) OVER (PARTITION BY b.named_task_id, b.named_step_id, b.measure) AS total
    FROM (
      SELECT p.named_task_id, p.named_step_id, p.measure, p.bucket, sum(p.count)::bigint AS count
      FROM parts p
      GROUP BY p.named_task_id, p.named_step_id, p.measure, p.bucket
    ) b
  ) c
  GROUP BY c.named_task_id, c.named_step_id, c.measure
)`;

/** `add`: to the row that is there; otherwise it is replaced. */
const write = (add: boolean): string => `
INSERT INTO tasker.tasker_run_stats AS r
  (period, starts_at, named_task_id, named_step_id, runs, failures, retries, waiting_p50, waiting_p95, running_p50, running_p95,
   waiting_buckets, waiting_counts, running_buckets, running_counts)
SELECT t.period, t.starts_at, t.named_task_id, t.named_step_id, t.runs, t.failures, t.retries, w.p50, w.p95, x.p50, x.p95,
  coalesce(w.buckets, '{}'), coalesce(w.counts, '{}'), coalesce(x.buckets, '{}'), coalesce(x.counts, '{}')
FROM totals t
LEFT JOIN merged w ON w.named_task_id = t.named_task_id AND w.named_step_id = t.named_step_id AND w.measure = 'waiting'
LEFT JOIN merged x ON x.named_task_id = t.named_task_id AND x.named_step_id = t.named_step_id AND x.measure = 'running'
ON CONFLICT (period, starts_at, named_task_id, named_step_id) DO UPDATE
SET runs = ${add ? 'r.runs + ' : ''}excluded.runs,
    failures = ${add ? 'r.failures + ' : ''}excluded.failures,
    retries = ${add ? 'r.retries + ' : ''}excluded.retries,
    waiting_p50 = excluded.waiting_p50,
    waiting_p95 = excluded.waiting_p95,
    running_p50 = excluded.running_p50,
    running_p95 = excluded.running_p95,
    waiting_buckets = excluded.waiting_buckets,
    waiting_counts = excluded.waiting_counts,
    running_buckets = excluded.running_buckets,
    running_counts = excluded.running_counts`;

/** Adds what these tasks did in the slice to the rows of its hour. Reads their histories by the primary keys. */
export const countRuns = defineStatement()({
  name: 'count_runs',
  params: { task_ids: 'bigint[]' },
  text: withCtes([PICKED, ATTEMPTS, TASKS, RUNS, TOTALS, PARTS, MERGED], write(true)),
});

/** Periods that are sums of shorter ones: a day of its hours, a week (from Monday) of its days, in UTC. */
const PERIODS = {
  day: { of: 'hour', length: '1 day' },
  week: { of: 'day', length: '7 days' },
} as const;

const summed = (period: keyof typeof PERIODS): string => `summed AS MATERIALIZED (
  SELECT * FROM tasker.tasker_run_stats r
  WHERE r.period = '${PERIODS[period].of}' AND r.starts_at >= :starts_at::timestamptz
    AND r.starts_at < :starts_at::timestamptz + interval '${PERIODS[period].length}'
)`;

const periodTotals = (period: keyof typeof PERIODS): string => `totals AS MATERIALIZED (
  SELECT '${period}'::text AS period, :starts_at::timestamptz AS starts_at, h.named_task_id, h.named_step_id,
    sum(h.runs)::bigint AS runs, sum(h.failures)::bigint AS failures, sum(h.retries)::bigint AS retries
  FROM summed h
  GROUP BY h.named_task_id, h.named_step_id
)`;

/** The buckets of the rows of `source`. Not materialized: they are many, and are added up as they come. */
export const partsOf = (source: string): string => `parts AS (
  ${bucketsOf(`${source} h`)}
)`;

const sumOf = (period: keyof typeof PERIODS): string =>
  withCtes([summed(period), periodTotals(period), partsOf('summed'), MERGED], write(false));

/** Makes the sums of a day from its hours so far; may be repeated. */
export const sumDay = defineStatement()({
  name: 'sum_stats_day',
  params: { starts_at: 'timestamptz' },
  text: sumOf('day'),
});

/** Makes the sums of a week from its days so far; may be repeated. */
export const sumWeek = defineStatement()({
  name: 'sum_stats_week',
  params: { starts_at: 'timestamptz' },
  text: sumOf('week'),
});
