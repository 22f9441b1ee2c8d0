import { defineStatement } from '../statement.ts';
import { withCtes } from '../statements/ctes.ts';
import { MERGED, partsOf } from '../statements/stats/count-runs.ts';

/** What a workflow or one of its steps did in a time; versions of the workflow are added up. Durations in seconds, within 5 %. */
export interface RunStatsRow {
  namespace: string;
  workflow: string;
  /** Null: the tasks of the workflow. */
  step: string | null;
  /** Attempts that ended: complete, failed or lost. Of tasks: those that were complete, or went to error. */
  runs: number;
  /** How many of them failed or were lost. */
  failures: number;
  /** Attempts after one that failed. Of tasks: those in error that an operator let go on. */
  retries: number;
  /** From ready to claimed; of tasks from `requested_at` to the first claim. Null: nothing ran. */
  waiting_p50: number | null;
  waiting_p95: number | null;
  /** From the claim to the end. */
  running_p50: number | null;
  running_p95: number | null;
}

/**
 * How the time since `since` is made up: the rest of its first day by hours, then days, whole weeks in their middle, and the hour that is
 * not over. The day that is not over has a sum of its hours so far. So each row is in exactly one part, and a year is some 70 sums.
 */
const PARTS = `time AS MATERIALIZED (
  SELECT d.*, p.counted_until AS up_to, date_trunc('hour', p.counted_until, 'UTC') AS last_hour,
    CASE WHEN d.weeks_from < d.weeks_until THEN d.weeks_from ELSE 'infinity' END AS days_until,
    CASE WHEN d.weeks_from < d.weeks_until THEN d.weeks_until ELSE 'infinity' END AS days_again
  FROM tasker.tasker_run_stats_progress p
  CROSS JOIN LATERAL (
    SELECT f.days_from, date_trunc('week', f.days_from + interval '7 days' - interval '1 microsecond', 'UTC') AS weeks_from,
      date_trunc('week', p.counted_until, 'UTC') AS weeks_until
    FROM (SELECT date_trunc('day', :since::timestamptz + interval '1 day' - interval '1 microsecond', 'UTC') AS days_from) f
  ) d
)`;

const at = (column: string): string => `(SELECT x.${column} FROM time x)`;

/** Rows of one kind from one time to another, the latter not included: a range of the primary key. */
const part = (period: 'week' | 'day' | 'hour', from: string, until: string): string => `
  SELECT r.named_task_id, r.named_step_id, r.runs, r.failures, r.retries, r.waiting_buckets, r.waiting_counts, r.running_buckets,
    r.running_counts
  FROM tasker.tasker_run_stats r
  WHERE r.period = '${period}' AND r.starts_at >= ${from} AND r.starts_at < ${until} AND (:steps OR r.named_step_id = 0)`;

const PICKED = `picked AS MATERIALIZED (${[
  part('week', at('weeks_from'), at('weeks_until')),
  part('day', at('days_from'), `least(${at('days_until')}, ${at('up_to')})`),
  part('day', at('days_again'), at('up_to')),
  part('hour', ':since::timestamptz', `least(${at('days_from')}, ${at('last_hour')})`),
  part('hour', `greatest(:since::timestamptz, ${at('last_hour')})`, at('up_to')),
].join('\n  UNION ALL')}
)`;

/** Versions of a workflow are added up: under the lowest of their ids. */
const WORKFLOWS = `workflows AS MATERIALIZED (
  SELECT k.named_task_id, n.name AS namespace, k.name AS workflow, min(k.named_task_id) OVER (PARTITION BY n.name, k.name) AS workflow_id
  FROM tasker.tasker_named_tasks k
  JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
  WHERE (:namespace::text IS NULL OR n.name = :namespace)
    AND (:workflow::text IS NULL OR k.name = :workflow)
)`;

const ROWS = `stats AS MATERIALIZED (
  SELECT k.workflow_id AS named_task_id, p.named_step_id, p.runs, p.failures, p.retries, p.waiting_buckets, p.waiting_counts,
    p.running_buckets, p.running_counts
  FROM picked p
  JOIN workflows k ON k.named_task_id = p.named_task_id
)`;

/** What ran since a full hour, of each workflow and, if `steps`, of each of its steps. */
export const sumRunStats = defineStatement<RunStatsRow>()({
  name: 'sum_run_stats',
  params: { since: 'timestamptz', namespace: 'text | null', workflow: 'text | null', steps: 'boolean' },
  text: withCtes(
    [PARTS, PICKED, WORKFLOWS, ROWS, partsOf('stats'), MERGED],
    `
SELECT k.namespace, k.workflow, s.name AS step, t.runs, t.failures, t.retries,
  w.p50 AS waiting_p50, w.p95 AS waiting_p95, x.p50 AS running_p50, x.p95 AS running_p95
FROM (
  SELECT n.named_task_id, n.named_step_id,
    sum(n.runs)::float8 AS runs, sum(n.failures)::float8 AS failures, sum(n.retries)::float8 AS retries
  FROM stats n
  GROUP BY n.named_task_id, n.named_step_id
) t
JOIN workflows k ON k.named_task_id = t.named_task_id
LEFT JOIN tasker.tasker_named_steps s ON s.named_step_id = t.named_step_id
LEFT JOIN merged w ON w.named_task_id = t.named_task_id AND w.named_step_id = t.named_step_id AND w.measure = 'waiting'
LEFT JOIN merged x ON x.named_task_id = t.named_task_id AND x.named_step_id = t.named_step_id AND x.measure = 'running'
ORDER BY k.namespace, k.workflow, s.name NULLS FIRST`,
  ),
});

/** One hour of a workflow version or of one of its steps. */
export interface HourStatsRow extends RunStatsRow {
  version: string;
  hour: Date;
  /** The hour is over, and all of it is counted. */
  closed: boolean;
}

/** Every hour since `since` in which a workflow ran: the rows of the views. */
export const listHourStats = defineStatement<HourStatsRow>()({
  name: 'list_hour_stats',
  params: { since: 'timestamptz', namespace: 'text', workflow: 'text', steps: 'boolean' },
  text: `
SELECT v.namespace, v.workflow, v.version, NULL AS step, v.hour, v.closed, v.runs::float8 AS runs, v.failures::float8 AS failures,
  v.retries::float8 AS retries, v.waiting_p50, v.waiting_p95, v.running_p50, v.running_p95
FROM tasker.tasker_workflow_hours v
WHERE v.hour >= :since::timestamptz AND v.namespace = :namespace AND v.workflow = :workflow
UNION ALL
SELECT v.namespace, v.workflow, v.version, v.step, v.hour, v.closed, v.runs::float8, v.failures::float8, v.retries::float8,
  v.waiting_p50, v.waiting_p95, v.running_p50, v.running_p95
FROM tasker.tasker_step_hours v
WHERE :steps AND v.hour >= :since::timestamptz AND v.namespace = :namespace AND v.workflow = :workflow
ORDER BY hour, version, step NULLS FIRST`,
});

/** How far the runs are counted; null: counting has not begun. */
export const countedUntil = defineStatement<{ counted_until: Date | null }>()({
  name: 'counted_until',
  text: `SELECT p.counted_until FROM tasker.tasker_run_stats_progress p`,
});
