import { statement } from '../../statement.ts';

/** By how much the clock may differ from what it showed before: that is noise, and costs a step or a lease as much at most. */
const TOLERANCE = `interval '5 s'`;

/**
 * Remembers what the clock shows, at most every 4 s whoever asks. Returns whether it was set back since.
 * One row, a HOT update.
 */
export const watchClock = statement<{ set_back: boolean }>(
  'watch_clock',
  `
WITH moved AS (
  UPDATE tasker.tasker_clock c
  SET latest_at = clock_timestamp()
  WHERE c.latest_at < clock_timestamp() - interval '4 s'
)
SELECT c.latest_at > clock_timestamp() + ${TOLERANCE} AS set_back FROM tasker.tasker_clock c`,
);

/** Takes note that the clock was set back. Returns by how many seconds, to one caller only: the row's lock decides. */
export const noteClockSetBack = statement<{ seconds: number }>(
  'note_clock_set_back',
  `
UPDATE tasker.tasker_clock c
SET set_back_from = c.latest_at, set_back_to = clock_timestamp(), latest_at = clock_timestamp()
WHERE c.latest_at > clock_timestamp() + ${TOLERANCE}
RETURNING extract(epoch FROM c.set_back_from - c.set_back_to)::float8 AS seconds`,
);

/**
 * Gives steps that failed at a time which is still to come the wait that they were given, from now on. Reads index steps_retry_due from
 * now on and the newest transition of each. Rows that somebody else holds are skipped: they are being retried or ended anyway.
 */
export const rebaseRetries = statement<{ workflow_step_id: string }>(
  'rebase_retries',
  `
WITH ahead AS MATERIALIZED (
  SELECT s.task_id, s.workflow_step_id, s.next_retry_at - t.created_at AS wait
  FROM tasker.tasker_workflow_steps s
  JOIN tasker.tasker_workflow_step_transitions t
    ON t.task_id = s.task_id AND t.workflow_step_id = s.workflow_step_id AND t.most_recent
  WHERE s.next_retry_at > statement_timestamp() AND t.created_at > statement_timestamp()
  ORDER BY s.task_id, s.workflow_step_id
  FOR NO KEY UPDATE OF s SKIP LOCKED
)
UPDATE tasker.tasker_workflow_steps s
SET next_retry_at = clock_timestamp() + greatest(a.wait, interval '0')
FROM ahead a
WHERE s.task_id = a.task_id AND s.workflow_step_id = a.workflow_step_id
RETURNING s.workflow_step_id`,
);

/**
 * Begins the leases of living processes anew whose last heartbeat is still to come. A process that lives renews its own within
 * seconds; one that died is found dead as if it had been silent from now on.
 */
export const rebaseLeases = statement<{ worker_id: string }>(
  'rebase_leases',
  `
UPDATE tasker.tasker_workers w
SET heartbeat_at = clock_timestamp(), lease_expires_at = clock_timestamp() + make_interval(secs => w.lease_seconds)
WHERE w.stopped_at IS NULL AND w.heartbeat_at > clock_timestamp()
RETURNING w.worker_id`,
);
