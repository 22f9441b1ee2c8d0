import { statement } from '../statement.ts';

/** Parameters: role, name, version, queues, slots, lease seconds, session lock key (null: none held). */
export const registerWorker = statement<{ worker_id: string }>(
  'register_worker',
  `
INSERT INTO tasker.tasker_workers (role, name, version, queues, slots, lease_seconds, lease_expires_at, session_lock)
VALUES ($1, $2, $3, $4::text[], $5, $6::float8, clock_timestamp() + make_interval(secs => $6::float8), $7)
RETURNING worker_id`,
);

/** Renews the lease. Parameters: worker id, busy slots, draining. No row: the lease was ended, register anew. */
export const heartbeat = statement<{ worker_id: string }>(
  'heartbeat',
  `
UPDATE tasker.tasker_workers
SET heartbeat_at = clock_timestamp(),
    lease_expires_at = clock_timestamp() + make_interval(secs => lease_seconds),
    busy_slots = $2,
    draining = $3
WHERE worker_id = $1 AND stopped_at IS NULL
RETURNING worker_id`,
);

/** Says goodbye after a drain: nothing is left to recover. Parameter: worker id. */
export const deregisterWorker = statement(
  'deregister_worker',
  `
UPDATE tasker.tasker_workers
SET stopped_at = clock_timestamp(), stop_reason = 'drained', busy_slots = 0
WHERE worker_id = $1 AND stopped_at IS NULL`,
);

/** Claims of these steps that this worker no longer has (cancelled, recovered). Parameters: task ids, step ids, claim ids. */
export const findLostClaims = statement<{ task_id: string; workflow_step_id: string; claim_id: string }>(
  'find_lost_claims',
  `
SELECT i.task_id, i.workflow_step_id, i.claim_id
FROM unnest($1::bigint[], $2::bigint[], $3::uuid[]) AS i (task_id, workflow_step_id, claim_id)
LEFT JOIN tasker.tasker_workflow_steps s
  ON s.task_id = i.task_id AND s.workflow_step_id = i.workflow_step_id AND s.claim_id = i.claim_id AND s.in_process
WHERE s.task_id IS NULL`,
);

/** Claims of a worker other than those that it knows of. Parameters: worker id, known claim ids. Reads the whole, small table. */
export const findClaims = statement<{ claim_id: string }>(
  'find_claims',
  `
SELECT c.claim_id
FROM tasker.tasker_claims c
WHERE c.worker_id = $1 AND c.claim_id <> ALL ($2::uuid[])`,
);

/** Forgets claims all of whose steps have ended. Parameter: claim ids. */
export const closeClaims = statement(
  'close_claims',
  `DELETE FROM tasker.tasker_claims WHERE claim_id = ANY ($1::uuid[])`,
);

/** Forgets processes that stopped long ago. Parameter: age in hours. */
export const pruneWorkers = statement<{ worker_id: string }>(
  'prune_workers',
  `
DELETE FROM tasker.tasker_workers w
WHERE w.stopped_at < statement_timestamp() - make_interval(hours => $1)
  AND NOT EXISTS (SELECT FROM tasker.tasker_claims c WHERE c.worker_id = w.worker_id)
RETURNING worker_id`,
);
