import { defineStatement, rows } from '../../statement.ts';
import { isPause } from '../acts/pauses.ts';
import { isLive } from '../rules/live-process.ts';

export interface ScalingObservationRow {
  at: number;
  queue: string;
  ready: number;
  oldest_ready_seconds: number;
  started_total: number;
  completed_total: number;
  completed_seconds_total: number;
  running: number;
  running_seconds: number;
  workers: number;
  slots_per_worker: number | null;
  /** The signal of the last evaluation of this queue. */
  previous: (ScalingSignalRow & { measured_at: string }) | null;
}

/** How long ago a scheduler evaluated the policy last; null: never. */
export const findLastEvaluation = defineStatement<{ seconds: number | null }>()({
  name: 'find_last_evaluation',
  text: `
SELECT extract(epoch FROM clock_timestamp() - max(g.measured_at))::float8 AS seconds
FROM tasker.tasker_queue_scaling_signals g`,
});

/**
 * Every queue that has ready steps (`counted`), live workers, reports or a signal, with that signal. Reads tables of a row per process. What
 * a worker runs counts while it lives; ages go on between its reports. What is paused does not count as ready, so that it starts no workers.
 */
export const scalingObservations = defineStatement<ScalingObservationRow>()({
  name: 'scaling_observations',
  params: { counted: rows({ queue: 'text', ready: 'float8', oldest_at: 'float8' }) },
  text: `
WITH now AS MATERIALIZED (
  SELECT clock_timestamp() AS at
), ready AS MATERIALIZED (
  SELECT c.queue, c.ready, to_timestamp(c.oldest_at) AS oldest
  FROM :counted AS c
), alive AS MATERIALIZED (
  SELECT w.worker_id, w.queues, w.slots, w.draining
  FROM tasker.tasker_workers w
  WHERE ${isLive('w')} AND w.role = 'worker'
), serving AS MATERIALIZED (
  SELECT q.queue, count(*) AS workers, avg(a.slots)::float8 AS slots
  FROM alive a, unnest(a.queues) AS q (queue)
  WHERE NOT a.draining
  GROUP BY q.queue
), done AS MATERIALIZED (
  SELECT r.queue, sum(r.started_attempts) AS started, sum(r.completed_attempts) AS completed,
    sum(r.completed_seconds) AS completed_seconds,
    sum(r.running_steps) FILTER (WHERE a.worker_id IS NOT NULL) AS running,
    sum(r.running_seconds + r.running_steps * extract(epoch FROM n.at - r.reported_at)::float8)
      FILTER (WHERE a.worker_id IS NOT NULL) AS running_seconds
  FROM tasker.tasker_worker_activity r
  CROSS JOIN now n
  LEFT JOIN alive a ON a.worker_id = r.worker_id
  GROUP BY r.queue
), queues AS (
  SELECT queue FROM ready
  UNION SELECT queue FROM serving
  UNION SELECT queue FROM done
  UNION SELECT queue FROM tasker.tasker_queue_scaling_signals
)
SELECT extract(epoch FROM n.at)::float8 AS at, q.queue,
  coalesce(r.ready, 0)::float8 AS ready,
  greatest(coalesce(extract(epoch FROM n.at - r.oldest), 0), 0)::float8 AS oldest_ready_seconds,
  coalesce(d.started, 0)::float8 AS started_total,
  coalesce(d.completed, 0)::float8 AS completed_total,
  coalesce(d.completed_seconds, 0)::float8 AS completed_seconds_total,
  coalesce(d.running, 0)::float8 AS running,
  greatest(coalesce(d.running_seconds, 0), 0)::float8 AS running_seconds,
  coalesce(s.workers, 0)::integer AS workers,
  s.slots AS slots_per_worker,
  to_jsonb(g) || jsonb_build_object('at', extract(epoch FROM g.measured_at)::float8) AS previous
FROM queues q
CROSS JOIN now n
LEFT JOIN ready r ON r.queue = q.queue AND NOT EXISTS (
  SELECT FROM tasker.tasker_pauses p WHERE p.kind = 'queue' AND p.name = q.queue AND ${isPause('p')})
LEFT JOIN serving s ON s.queue = q.queue
LEFT JOIN done d ON d.queue = q.queue
LEFT JOIN tasker.tasker_queue_scaling_signals g ON g.queue = q.queue
ORDER BY q.queue`,
});

export interface ScalingSignalRow {
  queue: string;
  desired_replicas: number;
  wanted_replicas: number;
  desired_slots: number;
  reason: string;
  ready_steps: number;
  oldest_ready_seconds: number;
  running_steps: number;
  running_seconds: number;
  workers: number;
  slots_per_worker: number;
  arrival_rate: number;
  start_rate: number;
  completion_rate: number;
  quiet_seconds: number;
  step_seconds: number;
  step_weight: number;
  started_total: number;
  completed_total: number;
  completed_seconds_total: number;
  max_replicas: number | null;
  /** Seconds of the epoch. */
  at: number;
}

/**
 * Writes the signals (a JSON array of rows), valid for `valid_seconds`. Each row replaces the one that it was evaluated from
 * (`replaces`, its `measured_at`) and no other: of schedulers that evaluate at the same time, the first one wins. The array has
 * to be in the order of the queues: two schedulers that meet then lock the rows in the same order, and wait without a deadlock.
 */
export const writeScalingSignals = defineStatement()({
  name: 'write_scaling_signals',
  params: { signals: 'jsonb', valid_seconds: 'float8' },
  text: `
INSERT INTO tasker.tasker_queue_scaling_signals AS g (queue, desired_replicas, wanted_replicas, desired_slots, reason,
  ready_steps, oldest_ready_seconds, running_steps, running_seconds, workers, slots_per_worker, arrival_rate, start_rate,
  completion_rate, quiet_seconds, step_seconds, step_weight, started_total, completed_total, completed_seconds_total,
  max_replicas, measured_at, valid_until)
SELECT i.queue, i.desired_replicas, i.wanted_replicas, i.desired_slots, i.reason,
  i.ready_steps, i.oldest_ready_seconds, i.running_steps, i.running_seconds, i.workers, i.slots_per_worker, i.arrival_rate,
  i.start_rate, i.completion_rate, i.quiet_seconds, i.step_seconds, i.step_weight, i.started_total, i.completed_total,
  i.completed_seconds_total, i.max_replicas, to_timestamp(i.at), clock_timestamp() + make_interval(secs => :valid_seconds::float8)
FROM jsonb_to_recordset(:signals::jsonb) AS i (queue text, desired_replicas integer, wanted_replicas integer, desired_slots float8,
  reason text, ready_steps float8, oldest_ready_seconds float8, running_steps float8, running_seconds float8,
  workers integer, slots_per_worker float8, arrival_rate float8, start_rate float8, completion_rate float8,
  quiet_seconds float8, step_seconds float8, step_weight float8, started_total float8, completed_total float8,
  completed_seconds_total float8, max_replicas integer, at float8, replaces timestamptz)
ON CONFLICT (queue) DO UPDATE
SET desired_replicas = excluded.desired_replicas, wanted_replicas = excluded.wanted_replicas,
    desired_slots = excluded.desired_slots, reason = excluded.reason, ready_steps = excluded.ready_steps,
    oldest_ready_seconds = excluded.oldest_ready_seconds, running_steps = excluded.running_steps,
    running_seconds = excluded.running_seconds, workers = excluded.workers, slots_per_worker = excluded.slots_per_worker,
    arrival_rate = excluded.arrival_rate, start_rate = excluded.start_rate, completion_rate = excluded.completion_rate,
    quiet_seconds = excluded.quiet_seconds, step_seconds = excluded.step_seconds, step_weight = excluded.step_weight,
    started_total = excluded.started_total, completed_total = excluded.completed_total,
    completed_seconds_total = excluded.completed_seconds_total, max_replicas = excluded.max_replicas,
    measured_at = excluded.measured_at, valid_until = excluded.valid_until
WHERE g.measured_at IN (
  SELECT r.replaces FROM jsonb_to_recordset(:signals::jsonb) AS r (queue text, replaces timestamptz) WHERE r.queue = g.queue)`,
});

/** Deletes the signals of queues that were quiet for a day and that no worker serves. */
export const pruneScalingSignals = defineStatement()({
  name: 'prune_scaling_signals',
  text: `
DELETE FROM tasker.tasker_queue_scaling_signals g
WHERE g.desired_replicas = 0 AND g.workers = 0 AND g.quiet_seconds > 86400`,
});

/** What the last evaluation of the scaling found for a queue: how many workers it should have, and the figures from which that follows. Rates are steps a second. */
export interface QueueScalingRow {
  queue: string;
  desired_replicas: number;
  wanted_replicas: number;
  desired_slots: number;
  reason: string;
  ready_steps: number;
  workers: number;
  slots_per_worker: number;
  arrival_rate: number;
  completion_rate: number;
  step_seconds: number;
  max_replicas: number | null;
  overdue: boolean;
}

/** The view that autoscalers read. */
export const readQueueScaling = defineStatement<QueueScalingRow>()({
  name: 'read_queue_scaling',
  text: `
SELECT queue, desired_replicas, wanted_replicas, desired_slots, reason, ready_steps, workers, slots_per_worker,
  arrival_rate, completion_rate, step_seconds, max_replicas, overdue
FROM tasker.tasker_queue_scaling
ORDER BY queue`,
});
