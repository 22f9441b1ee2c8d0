import { statement } from '../../statement.ts';

/**
 * Adds what a worker did since its last report, and replaces what it runs now, one row per queue. Touches only the worker's
 * own rows. Parameters: worker id, then arrays: queues, attempts started, completed, failed, seconds of the completed ones,
 * handlers running, sum of their ages.
 */
export const reportActivity = statement(
  'report_activity',
  `
INSERT INTO tasker.tasker_worker_activity AS a (worker_id, queue, started_attempts, completed_attempts, failed_attempts,
  completed_seconds, running_steps, running_seconds, reported_at)
SELECT $1, i.queue, i.started, i.completed, i.failed, i.completed_seconds, i.running, i.running_seconds, clock_timestamp()
FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::float8[], $7::integer[], $8::float8[])
  AS i (queue, started, completed, failed, completed_seconds, running, running_seconds)
ON CONFLICT (worker_id, queue) DO UPDATE
SET started_attempts = a.started_attempts + excluded.started_attempts,
    completed_attempts = a.completed_attempts + excluded.completed_attempts,
    failed_attempts = a.failed_attempts + excluded.failed_attempts,
    completed_seconds = a.completed_seconds + excluded.completed_seconds,
    running_steps = excluded.running_steps,
    running_seconds = excluded.running_seconds,
    reported_at = excluded.reported_at`,
);

/** Forgets the reports of processes that are no longer listed. */
export const pruneActivity = statement(
  'prune_activity',
  `
DELETE FROM tasker.tasker_worker_activity a
WHERE NOT EXISTS (SELECT FROM tasker.tasker_workers w WHERE w.worker_id = a.worker_id)`,
);
