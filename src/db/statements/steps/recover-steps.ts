import { statement } from '../../statement.ts';
import { stepHistory } from '../rules/history.ts';
import { microseconds } from '../rules/microseconds.ts';
import { QUARANTINE } from '../queues/quarantine.ts';

export interface RecoveredStepRow {
  task_id: string;
  workflow_step_id: string;
  worker_id: string;
  queue: string;
  /** True where the lost attempt was the last one: the step is in error and its task has to be settled. */
  blocked: boolean;
}

export interface HeartbeatRow {
  /** Null, in the only row, where no process lives. */
  worker_id: string | null;
  heartbeat_us: string | null;
  /** The same in every row. */
  retry_due: boolean;
}

/**
 * The last heartbeat of every process that has not ended, in microseconds of the epoch, and whether a retry is due: a scheduler
 * asks both all the time, and in most cases neither answer is news. Reads index workers_living and the first entry of
 * steps_retry_due.
 */
export const findHeartbeats = statement<HeartbeatRow>(
  'find_beats',
  `
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
);

/**
 * Ends the lease of processes that stopped renewing it. Parameters: seconds without a heartbeat after which a process whose
 * advisory lock is free counts as dead (its connection is gone, so the process is); worker ids and heartbeats (microseconds
 * of the epoch) that alone may be judged, both null for all. Returns the processes that ended now.
 */
export const expireLeases = statement<{ worker_id: string; name: string; role: string }>(
  'expire_workers',
  `
WITH silent AS MATERIALIZED (
  SELECT w.worker_id, w.session_lock, w.lease_expires_at
  FROM tasker.tasker_workers w
  WHERE w.stopped_at IS NULL
    AND (w.lease_expires_at < statement_timestamp()
      OR (w.session_lock IS NOT NULL AND w.heartbeat_at < statement_timestamp() - make_interval(secs => $1)))
    AND ($2::bigint[] IS NULL
      OR (w.worker_id, ${microseconds('w.heartbeat_at')}) IN (
        SELECT j.worker_id, j.heartbeat_us FROM unnest($2::bigint[], $3::bigint[]) AS j (worker_id, heartbeat_us)))
  FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE tasker.tasker_workers w
SET stopped_at = clock_timestamp(), stop_reason = 'lease_expired'
FROM silent s
WHERE w.worker_id = s.worker_id
  AND (s.lease_expires_at < statement_timestamp() OR pg_try_advisory_xact_lock(s.session_lock))
RETURNING w.worker_id, w.name, w.role`,
);

/** So many deaths of its process a step is not charged with; after the second it runs alone. */
export const MAX_UNCHARGED_CRASHES = 2;

interface Recovery {
  /** Selects claim_id, worker_id, task_ids, workflow_step_ids of locked claims, and whether one of several steps is to blame. */
  claims: string;
  /** Of a step that has no attempts left: an expression over `r`, a row of recovered. */
  error: string;
  mayQuarantine: boolean;
}

const recovery = ({ claims, error, mayQuarantine }: Recovery): string => `
WITH dead AS MATERIALIZED (
  ${claims}
), member AS MATERIALIZED (
  SELECT d.claim_id, d.worker_id, d.shared, k.task_id, k.workflow_step_id
  FROM dead d
  CROSS JOIN LATERAL unnest(d.task_ids, d.workflow_step_ids) AS k (task_id, workflow_step_id)
), held AS MATERIALIZED (
  SELECT s.task_id, s.workflow_step_id, s.queue, s.attempts, s.retry_limit, s.retryable, m.claim_id, m.worker_id, m.shared
  FROM member m
  JOIN tasker.tasker_workflow_steps s
    ON s.task_id = m.task_id AND s.workflow_step_id = m.workflow_step_id AND s.claim_id = m.claim_id AND s.in_process
  FOR NO KEY UPDATE OF s SKIP LOCKED
), record AS MATERIALIZED (
  SELECT h.*, p.deaths + 1 AS deaths, p.pardons,
    h.shared AND h.retryable AND h.retry_limit - p.pardons > 1 AND p.pardons < ${MAX_UNCHARGED_CRASHES} AS pardoned
  FROM held h
  CROSS JOIN LATERAL (
    SELECT count(*)::integer AS deaths, (count(*) FILTER (WHERE t.metadata -> 'pardoned' = 'true'))::integer AS pardons
    FROM tasker.tasker_workflow_step_transitions t
    WHERE t.task_id = h.task_id AND t.workflow_step_id = h.workflow_step_id AND t.cause = 'lease_expired'
  ) p
), verdict AS MATERIALIZED (
  SELECT r.*,
    NOT r.pardoned AND (NOT r.retryable OR r.attempts >= r.retry_limit
      OR (NOT r.shared AND r.deaths >= r.retry_limit - r.pardons)) AS exhausted
  FROM record r
), recovered AS (
  UPDATE tasker.tasker_workflow_steps s
  SET state = CASE WHEN v.exhausted THEN 'error' ELSE 'pending' END,
      in_process = false,
      ready_at = CASE WHEN NOT v.exhausted THEN clock_timestamp() END,
      blocked_at = CASE WHEN v.exhausted THEN clock_timestamp() END,
      queue = CASE
        WHEN ${mayQuarantine} AND NOT v.exhausted AND v.deaths >= ${MAX_UNCHARGED_CRASHES} AND v.queue NOT LIKE '%${QUARANTINE}' THEN v.queue || '${QUARANTINE}'
        ELSE v.queue END,
      retry_limit = v.retry_limit + v.pardoned::integer,
      claim_id = NULL,
      claimed_by = NULL,
      sort_key = s.sort_key + 1
  FROM verdict v
  WHERE s.task_id = v.task_id AND s.workflow_step_id = v.workflow_step_id
  RETURNING s.task_id, s.workflow_step_id, s.queue, s.sort_key, s.state, v.claim_id, v.worker_id, v.exhausted, v.pardoned,
    v.deaths, v.shared
), ${stepHistory({
  source: 'recovered',
  from: `'in_progress'`,
  to: 'r.state',
  cause: `'lease_expired'`,
  claimId: 'r.claim_id',
  workerId: 'r.worker_id',
  metadata: `CASE
      WHEN r.exhausted THEN jsonb_build_object('deaths', r.deaths, 'error', ${error})
      ELSE jsonb_build_object('deaths', r.deaths, 'pardoned', r.pardoned) END`,
})}, closed AS (
  DELETE FROM tasker.tasker_claims c
  USING dead d
  WHERE c.claim_id = d.claim_id
    AND NOT EXISTS (
      SELECT FROM member m
      JOIN tasker.tasker_workflow_steps s
        ON s.task_id = m.task_id AND s.workflow_step_id = m.workflow_step_id AND s.claim_id = m.claim_id AND s.in_process
      WHERE m.claim_id = d.claim_id
        AND NOT EXISTS (
          SELECT FROM recovered r WHERE r.task_id = m.task_id AND r.workflow_step_id = m.workflow_step_id))
)
SELECT task_id, workflow_step_id, worker_id, queue, exhausted AS blocked FROM recovered`;

const ENDED_PROCESSES: Recovery = {
  claims: `SELECT c.claim_id, c.worker_id, c.task_ids, c.workflow_step_ids, coalesce(w.slots, 2) > 1 AS shared
  FROM tasker.tasker_claims c
  LEFT JOIN tasker.tasker_workers w ON w.worker_id = c.worker_id
  WHERE (w.worker_id IS NULL OR w.stopped_at IS NOT NULL) AND ($2::uuid[] IS NULL OR c.claim_id = ANY ($2::uuid[]))
  ORDER BY c.created_at
  LIMIT $1
  FOR UPDATE OF c SKIP LOCKED`,
  error: `jsonb_build_object('name', 'WorkerDied', 'message',
        format('the process that ran this step died (%s in all%s), and no attempts are left',
          CASE WHEN r.deaths = 1 THEN '1 death' ELSE r.deaths || ' deaths' END,
          CASE WHEN r.shared THEN '' ELSE ', the last time with nothing else running in it' END))`,
  mayQuarantine: true,
};

/**
 * Returns the steps of ended processes to the queue, or to `error` where the lost attempt was the last. Parameters: how many
 * claims to look at, and which (null: any).
 *
 * Nobody knows which of the steps of a dead process killed it. So while a process with several slots dies, the attempts stay
 * counted but each step gets one more in return (its retry_limit grows, as for an operator's retry), twice at most. After its
 * second death a step goes into quarantine, a queue beside its own, from which processes with one slot run one step at a
 * time: a death there has one culprit, which is in error as soon as the deaths are as many as its limit had attempts. A step
 * that may run only once (not retryable, or a limit of 1) is never run again, whoever was to blame.
 *
 * Finds claims by their worker, whatever the worker's row says now: a claim that a stopped process made after its end was
 * declared is found by the next sweep. Step rows are taken with SKIP LOCKED and never waited for, so this statement may hold
 * claim rows first without risking a deadlock with a completion; what it skipped, the next sweep finds.
 */
export const recoverSteps = statement<RecoveredStepRow>('recover_steps', recovery(ENDED_PROCESSES));

/**
 * The same for claims whose worker lives and says that no step of them runs any more: it gave an outcome up. Which step that
 * was is known, so nothing is pardoned and nothing quarantined. Parameter: claim ids.
 */
export const recoverClaimed = statement<RecoveredStepRow>(
  'recover_claimed',
  recovery({
    claims: `SELECT c.claim_id, c.worker_id, c.task_ids, c.workflow_step_ids, false AS shared
  FROM tasker.tasker_claims c
  WHERE c.claim_id = ANY ($1::uuid[])
  FOR UPDATE OF c SKIP LOCKED`,
    error: `jsonb_build_object('name', 'OutcomeRefused', 'message',
        'the database refused to store how this attempt ended, and no attempts are left')`,
    mayQuarantine: false,
  }),
);

/** Claims of ended processes, oldest first. Parameter: how many. */
export const findDeadClaims = statement<{ claim_id: string }>(
  'find_dead_claims',
  `
SELECT c.claim_id
FROM tasker.tasker_claims c
LEFT JOIN tasker.tasker_workers w ON w.worker_id = c.worker_id
WHERE w.worker_id IS NULL OR w.stopped_at IS NOT NULL
ORDER BY c.created_at
LIMIT $1`,
);

/** Of these claims, those that are on record. Parameter: claim ids. */
export const findRecorded = statement<{ claim_id: string }>(
  'find_recorded',
  `SELECT c.claim_id FROM tasker.tasker_claims c WHERE c.claim_id = ANY ($1::uuid[])`,
);
