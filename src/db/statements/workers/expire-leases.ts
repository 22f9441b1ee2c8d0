import { defineStatement } from '../../statement.ts';
import { microseconds } from '../rules/microseconds.ts';

export interface HeartbeatRow {
  /** Null, in the only row, if no process lives. */
  worker_id: string | null;
  heartbeat_us: string | null;
  /** The same in every row. */
  retry_due: boolean;
}

/**
 * The last heartbeat of every process that has not ended, in microseconds of the epoch, and whether a retry is due: a scheduler
 * polls for both all the time, and in most cases neither is news. Reads index workers_living and the first entry of
 * steps_retry_due.
 */
export const findHeartbeats = defineStatement<HeartbeatRow>()({
  name: 'find_beats',
  text: `
SELECT w.worker_id, ${microseconds('w.heartbeat_at')} AS heartbeat_us, d.retry_due
FROM (
  SELECT EXISTS (
    SELECT FROM (
      SELECT s.next_retry_at
      FROM tasker.tasker_workflow_steps s
      WHERE s.next_retry_at IS NOT NULL
      ORDER BY s.next_retry_at
      LIMIT 1
    ) first
    WHERE first.next_retry_at <= statement_timestamp()) AS retry_due
) d
LEFT JOIN tasker.tasker_workers w ON w.stopped_at IS NULL`,
});

/**
 * Ends the lease of processes that stopped renewing it. `silent_seconds`: seconds without a heartbeat after which a process whose
 * advisory lock is free counts as dead (its connection is gone, so the process is). `worker_ids` and `heartbeats_us` (entry n of one
 * belongs to entry n of the other): only these processes may be found dead, and only while that is still their last heartbeat; both
 * null: any. Returns the processes that ended now.
 */
export const expireLeases = defineStatement<{ worker_id: string; name: string; role: string }>()({
  name: 'expire_workers',
  params: { silent_seconds: 'float8', worker_ids: 'bigint[] | null', heartbeats_us: 'bigint[] | null' },
  text: `
WITH silent AS MATERIALIZED (
  SELECT w.worker_id, w.session_lock, w.lease_expires_at
  FROM tasker.tasker_workers w
  WHERE w.stopped_at IS NULL
    AND (w.lease_expires_at < statement_timestamp()
      OR (w.session_lock IS NOT NULL AND w.heartbeat_at < statement_timestamp() - make_interval(secs => :silent_seconds)))
    AND (:worker_ids::bigint[] IS NULL
      OR (w.worker_id, ${microseconds('w.heartbeat_at')}) IN (
        SELECT j.worker_id, j.heartbeat_us FROM unnest(:worker_ids::bigint[], :heartbeats_us::bigint[]) AS j (worker_id, heartbeat_us)))
  FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE tasker.tasker_workers w
SET stopped_at = clock_timestamp(), stop_reason = 'lease_expired'
FROM silent s
WHERE w.worker_id = s.worker_id
  AND (s.lease_expires_at < statement_timestamp() OR pg_try_advisory_xact_lock(s.session_lock))
RETURNING w.worker_id, w.name, w.role`,
});
