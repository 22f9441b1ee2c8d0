import { defineStatement } from '../../statement.ts';
import { sameTask } from '../rules/same-task.ts';

/** A smaller difference of the clock from what it showed before is noise. It delays a step or a lease by this much at most. */
const TOLERANCE = `interval '5 s'`;

/**
 * Records what the clock shows, at most every 4 s for all schedulers together. Returns whether it was set back since then.
 * One row, a HOT update.
 */
export const watchClock = defineStatement<{ set_back: boolean }>()({
  name: 'watch_clock',
  text: `
WITH moved AS (
  UPDATE tasker.tasker_clock c
  SET latest_at = clock_timestamp()
  WHERE c.latest_at < clock_timestamp() - interval '4 s'
)
SELECT c.latest_at > clock_timestamp() + ${TOLERANCE} AS set_back FROM tasker.tasker_clock c`,
});

/** Records that the clock was set back. Returns by how many seconds, to one caller only: the row's lock decides which. */
export const noteClockSetBack = defineStatement<{ seconds: number }>()({
  name: 'note_clock_set_back',
  text: `
UPDATE tasker.tasker_clock c
SET set_back_from = c.latest_at, set_back_to = clock_timestamp(), latest_at = clock_timestamp()
WHERE c.latest_at > clock_timestamp() + ${TOLERANCE}
RETURNING extract(epoch FROM c.set_back_from - c.set_back_to)::float8 AS seconds`,
});

/**
 * For steps that failed at a time which is still to come: restarts their backoff, with the same length, from now. Reads index
 * steps_retry_due from now on, and the newest transition of each step. Rows that another session holds are skipped: they are being
 * retried or ended anyway.
 */
export const rebaseRetries = defineStatement<{ workflow_step_id: string }>()({
  name: 'rebase_retries',
  text: `
WITH ahead AS MATERIALIZED (
  SELECT s.task_id, s.workflow_step_id, s.next_retry_at - t.created_at AS wait
  FROM tasker.tasker_workflow_steps s
  JOIN tasker.tasker_workflow_step_transitions t
    ON ${sameTask('t.task_id', 's.task_id')} AND t.workflow_step_id = s.workflow_step_id AND t.most_recent
  WHERE s.next_retry_at > statement_timestamp() AND t.created_at > statement_timestamp()
  ORDER BY s.task_id, s.workflow_step_id
  FOR NO KEY UPDATE OF s SKIP LOCKED
)
UPDATE tasker.tasker_workflow_steps s
SET next_retry_at = clock_timestamp() + greatest(a.wait, interval '0')
FROM ahead a
WHERE s.task_id = a.task_id AND s.workflow_step_id = a.workflow_step_id
RETURNING s.workflow_step_id`,
});

/**
 * Restarts the leases of registered processes whose last heartbeat is still to come. A live process renews its own within seconds;
 * a dead one is found dead as if it had been silent from now on.
 */
export const rebaseLeases = defineStatement<{ worker_id: string }>()({
  name: 'rebase_leases',
  text: `
UPDATE tasker.tasker_workers w
SET heartbeat_at = clock_timestamp(), lease_expires_at = clock_timestamp() + make_interval(secs => w.lease_seconds)
WHERE w.stopped_at IS NULL AND w.heartbeat_at > clock_timestamp()
RETURNING w.worker_id`,
});
