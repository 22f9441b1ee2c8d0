import { defineStatement } from '../../statement.ts';

/** How long a minute of a queue is kept: a day and the hour that is not over. */
const KEPT = '25 hours';

/** Of each queue, since the last measurement: `share` is how much of the minute so far that is. */
export interface QueueSampleRates {
  arrived_per_second: number;
  completed_per_second: number;
  share: number;
}

/**
 * Writes what was measured of the queues (the JSON array that `write_scaling_signals` takes, with QueueSampleRates) to the row of its minute:
 * the highest depth and age, the average of what arrived and completed in the minute so far, and the last of the rest. A queue in which
 * nothing happens has no row. In the order of the queues, as the signals are.
 */
export const writeQueueSamples = defineStatement()({
  name: 'write_queue_samples',
  params: { signals: 'jsonb' },
  text: `
INSERT INTO tasker.tasker_queue_samples AS q
  (minute, queue, ready, oldest_ready_seconds, running, workers, desired_workers, arrivals_per_second, completions_per_second)
SELECT date_trunc('minute', to_timestamp(i.at), 'UTC'), i.queue, i.ready_steps, i.oldest_ready_seconds, i.running_steps, i.workers,
  i.desired_replicas,
  coalesce(s.arrivals_per_second, 0) + (i.arrived_per_second - coalesce(s.arrivals_per_second, 0)) * i.share,
  coalesce(s.completions_per_second, 0) + (i.completed_per_second - coalesce(s.completions_per_second, 0)) * i.share
FROM jsonb_to_recordset(:signals::jsonb) AS i (queue text, ready_steps float8, oldest_ready_seconds float8, running_steps float8,
  workers integer, desired_replicas integer, arrived_per_second float8, completed_per_second float8, share float8, at float8)
LEFT JOIN tasker.tasker_queue_samples s
  ON s.minute = date_trunc('minute', to_timestamp(i.at), 'UTC') AND s.queue = i.queue
WHERE i.ready_steps > 0 OR i.running_steps > 0 OR i.arrived_per_second > 0 OR i.completed_per_second > 0 OR s.queue IS NOT NULL
ORDER BY i.queue
ON CONFLICT (minute, queue) DO UPDATE
SET ready = greatest(q.ready, excluded.ready), oldest_ready_seconds = greatest(q.oldest_ready_seconds, excluded.oldest_ready_seconds),
    running = excluded.running, workers = excluded.workers, desired_workers = excluded.desired_workers,
    arrivals_per_second = excluded.arrivals_per_second, completions_per_second = excluded.completions_per_second`,
});

/** Deletes minutes of the day before yesterday. */
export const pruneQueueSamples = defineStatement()({
  name: 'prune_queue_samples',
  text: `
DELETE FROM tasker.tasker_queue_samples q
WHERE q.minute < clock_timestamp() - interval '${KEPT}'`,
});
