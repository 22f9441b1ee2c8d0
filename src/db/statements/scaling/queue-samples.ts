import { defineStatement } from '../../statement.ts';

/** How long a minute of a queue is kept: a day and the hour that is not over. */
const KEPT = '25 hours';

/**
 * Writes what was measured of the queues (the JSON array that `write_scaling_signals` takes) to the row of its minute: the highest depth and
 * age, and the last of the rest. A queue in which nothing happens has no row. In the order of the queues, as the signals are.
 */
export const writeQueueSamples = defineStatement()({
  name: 'write_queue_samples',
  params: { signals: 'jsonb' },
  text: `
INSERT INTO tasker.tasker_queue_samples AS q
  (minute, queue, ready, oldest_ready_seconds, running, workers, desired_workers, arrivals_per_second, completions_per_second)
SELECT date_trunc('minute', to_timestamp(i.at), 'UTC'), i.queue, i.ready_steps, i.oldest_ready_seconds, i.running_steps, i.workers,
  i.desired_replicas, i.arrival_rate, i.completion_rate
FROM jsonb_to_recordset(:signals::jsonb) AS i (queue text, ready_steps float8, oldest_ready_seconds float8, running_steps float8,
  workers integer, desired_replicas integer, arrival_rate float8, completion_rate float8, at float8)
WHERE i.ready_steps > 0 OR i.running_steps > 0 OR i.arrival_rate > 0.001 OR i.completion_rate > 0.001
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
