import { statement } from '../../statement.ts';

/**
 * Parameters: worker id, role, name, version, queues, slots, lease seconds, session lock key (null: none held); what the process
 * remembers of this database: the installation (null: not compared), and arrays of named task ids, namespaces, names, versions.
 *
 * Inserts nothing if any of that differs here, or if the worker id is taken. Invariant: a worker row in a state of the database
 * implies that the workflow ids its process uses are right in that state. Any state with the row has what this statement read.
 */
export const registerWorker = statement<{ worker_id: string }>(
  'register_worker',
  `
INSERT INTO tasker.tasker_workers (worker_id, role, name, version, queues, slots, lease_seconds, lease_expires_at, session_lock)
OVERRIDING SYSTEM VALUE
SELECT $1::bigint, $2::text, $3::text, $4::text, $5::text[], $6::integer, $7::float8,
  clock_timestamp() + make_interval(secs => $7::float8), $8::bigint
WHERE ($9::uuid IS NULL OR EXISTS (SELECT FROM tasker.tasker_installation i WHERE i.installation_id = $9::uuid))
  AND NOT EXISTS (
    SELECT FROM unnest($10::integer[], $11::text[], $12::text[], $13::text[]) AS w (named_task_id, namespace, name, version)
    WHERE NOT EXISTS (
      SELECT FROM tasker.tasker_named_tasks k
      JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
      WHERE k.named_task_id = w.named_task_id AND k.name = w.name AND k.version = w.version AND n.name = w.namespace))
ON CONFLICT (worker_id) DO NOTHING
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

/** Forgets processes that stopped long ago. Parameter: age in hours. */
export const pruneWorkers = statement<{ worker_id: string }>(
  'prune_workers',
  `
DELETE FROM tasker.tasker_workers w
WHERE w.stopped_at < statement_timestamp() - make_interval(hours => $1)
  AND NOT EXISTS (SELECT FROM tasker.tasker_claims c WHERE c.worker_id = w.worker_id)
RETURNING worker_id`,
);
