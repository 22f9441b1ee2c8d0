import { defineStatement, rows } from '../../statement.ts';

/**
 * Adds what a worker did since its last report (attempts started, completed and failed, seconds of the completed ones), and
 * replaces what it runs now (handlers, sum of their ages in seconds), one row per queue. Touches only the worker's own rows.
 */
export const reportActivity = defineStatement()({
  name: 'report_activity',
  params: {
    worker_id: 'bigint',
    queues: rows({
      queue: 'text',
      started: 'bigint',
      completed: 'bigint',
      failed: 'bigint',
      completed_seconds: 'float8',
      running: 'integer',
      running_seconds: 'float8',
    }),
  },
  text: `
INSERT INTO tasker.tasker_worker_activity AS a (worker_id, queue, started_attempts, completed_attempts, failed_attempts,
  completed_seconds, running_steps, running_seconds, reported_at)
SELECT :worker_id, i.queue, i.started, i.completed, i.failed, i.completed_seconds, i.running, i.running_seconds, clock_timestamp()
FROM :queues AS i
ON CONFLICT (worker_id, queue) DO UPDATE
SET started_attempts = a.started_attempts + excluded.started_attempts,
    completed_attempts = a.completed_attempts + excluded.completed_attempts,
    failed_attempts = a.failed_attempts + excluded.failed_attempts,
    completed_seconds = a.completed_seconds + excluded.completed_seconds,
    running_steps = excluded.running_steps,
    running_seconds = excluded.running_seconds,
    reported_at = excluded.reported_at`,
});

/** Deletes the reports of processes that are no longer listed. */
export const pruneActivity = defineStatement()({
  name: 'prune_activity',
  text: `
DELETE FROM tasker.tasker_worker_activity a
WHERE NOT EXISTS (SELECT FROM tasker.tasker_workers w WHERE w.worker_id = a.worker_id)`,
});
