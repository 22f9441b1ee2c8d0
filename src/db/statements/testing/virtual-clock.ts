import { defineStatement } from '../../statement.ts';

/*
 * The virtual clock of the test kit. The database's clock cannot be moved; what waits for a time is moved towards now instead.
 * No process of a fleet uses these statements.
 */

/**
 * Moves the time of every retry that is still to come closer by `seconds`, at most to now: no retry is due before it failed. Locks
 * the rows of these steps in the order of their keys.
 */
export const bringRetriesForward = defineStatement<{ workflow_step_id: string }>()({
  name: 'bring_retries_forward',
  params: { seconds: 'float8' },
  text: `
WITH waiting AS MATERIALIZED (
  SELECT s.task_id, s.workflow_step_id
  FROM tasker.tasker_workflow_steps s
  WHERE s.next_retry_at > clock_timestamp()
  ORDER BY s.task_id, s.workflow_step_id
  FOR NO KEY UPDATE
)
UPDATE tasker.tasker_workflow_steps s
SET next_retry_at = greatest(s.next_retry_at - make_interval(secs => :seconds), clock_timestamp())
FROM waiting w
WHERE s.task_id = w.task_id AND s.workflow_step_id = w.workflow_step_id
RETURNING s.workflow_step_id`,
});

/**
 * Ages the last heartbeat and the lease of every process that died by `seconds`: of those that have not ended and whose advisory lock
 * is free, since their connection is gone. A process that lives renewed its lease all the time that is skipped.
 */
export const ageDeadLeases = defineStatement<{ worker_id: string }>()({
  name: 'age_dead_leases',
  params: { seconds: 'float8' },
  text: `
UPDATE tasker.tasker_workers w
SET heartbeat_at = w.heartbeat_at - make_interval(secs => :seconds),
    lease_expires_at = w.lease_expires_at - make_interval(secs => :seconds)
WHERE w.stopped_at IS NULL
  AND w.session_lock IS NOT NULL
  AND pg_try_advisory_xact_lock(w.session_lock)
RETURNING w.worker_id`,
});

/** Gives a copy of a database an identity of its own, so that its idempotency keys are not those of the other copies. */
export const renewInstallation = defineStatement<Record<never, never>>()({
  name: 'renew_installation',
  text: `UPDATE tasker.tasker_installation SET installation_id = gen_random_uuid()`,
});
