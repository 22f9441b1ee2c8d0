import { defineStatement } from '../statement.ts';
import { withCtes } from '../statements/ctes.ts';
import { MERGED, partsOf } from '../statements/stats/count-runs.ts';

/** A minute of a queue: the highest depth and age in it, and the last of the rest. */
export interface QueueSampleRow {
  minute: Date;
  ready: number;
  oldest_ready_seconds: number;
  running: number;
  workers: number;
  desired_workers: number;
  arrivals_per_second: number;
  completions_per_second: number;
}

/** The last minutes of a queue. Minutes in which nothing was ready and nothing ran have no row. */
export const listQueueSamples = defineStatement<QueueSampleRow>()({
  name: 'list_queue_samples',
  params: { queue: 'text', minutes: 'integer' },
  text: `
SELECT q.minute, q.ready, q.oldest_ready_seconds, q.running, q.workers, q.desired_workers, q.arrivals_per_second,
  q.completions_per_second
FROM tasker.tasker_queue_samples q
WHERE q.minute > clock_timestamp() - make_interval(mins => :minutes::integer) AND q.queue = :queue
ORDER BY q.minute`,
});

/** How long the attempts of the last one or two hours waited and ran, of each queue. Seconds, within 5 %. */
export interface QueueTimesRow {
  queue: string;
  runs: number;
  failures: number;
  waiting_p50: number | null;
  waiting_p95: number | null;
  running_p50: number | null;
  running_p95: number | null;
}

const STATS = `stats AS MATERIALIZED (
  SELECT dense_rank() OVER (ORDER BY s.queue)::integer AS named_task_id, 0 AS named_step_id, s.queue, r.runs, r.failures,
    r.waiting_buckets, r.waiting_counts, r.running_buckets, r.running_counts
  FROM tasker.tasker_run_stats_progress p
  JOIN tasker.tasker_run_stats r
    ON r.period = 'hour' AND r.starts_at >= date_trunc('hour', p.counted_until - interval '1 hour', 'UTC')
  JOIN tasker.tasker_named_tasks_named_steps s ON s.named_task_id = r.named_task_id AND s.named_step_id = r.named_step_id
)`;

/** Of every queue in which something ran in the present hour or the one before, as far as it is counted. Reads the sums of these hours. */
export const listQueueTimes = defineStatement<QueueTimesRow>()({
  name: 'list_queue_times',
  text: withCtes(
    [STATS, partsOf('stats'), MERGED],
    `
SELECT t.queue, t.runs, t.failures, w.p50 AS waiting_p50, w.p95 AS waiting_p95, x.p50 AS running_p50, x.p95 AS running_p95
FROM (
  SELECT s.named_task_id, s.queue, sum(s.runs)::float8 AS runs, sum(s.failures)::float8 AS failures
  FROM stats s
  GROUP BY s.named_task_id, s.queue
) t
LEFT JOIN merged w ON w.named_task_id = t.named_task_id AND w.measure = 'waiting'
LEFT JOIN merged x ON x.named_task_id = t.named_task_id AND x.measure = 'running'
ORDER BY t.queue`,
  ),
});
