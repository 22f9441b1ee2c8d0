import { defineStatement, rows } from '../../statement.ts';
import { PAUSES_TEXT } from '../acts/pauses.ts';

/**
 * Registers a process. `session_lock`: the key of the advisory lock that it holds, null if it holds none. `archive`: which one a
 * scheduler has. `installation_id`
 * (null: not compared) and `workflows` are what the process has in memory about this database.
 *
 * Inserts nothing if any of that differs here, or if the worker id is taken. Invariant: a worker row in a state of the database
 * implies that the workflow ids its process uses are right in that state. Any state with the row has what this statement read.
 *
 * Returns what is paused: what was read before may be from a time long before the registration, if the database was away.
 */
export const registerWorker = defineStatement<{ worker_id: string; pauses: string | null }>()({
  name: 'register_worker',
  params: {
    worker_id: 'bigint',
    role: 'text',
    name: 'text',
    version: 'text',
    queues: 'text[]',
    slots: 'integer',
    lease_seconds: 'float8',
    session_lock: 'bigint | null',
    archive: 'text | null',
    installation_id: 'uuid | null',
    workflows: rows({ named_task_id: 'integer', namespace: 'text', name: 'text', version: 'text' }),
  },
  text: `
INSERT INTO tasker.tasker_workers (worker_id, role, name, version, queues, slots, lease_seconds, lease_expires_at, session_lock, archive)
OVERRIDING SYSTEM VALUE
SELECT :worker_id::bigint, :role::text, :name::text, :version::text, :queues::text[], :slots::integer, :lease_seconds::float8,
  clock_timestamp() + make_interval(secs => :lease_seconds::float8), :session_lock::bigint, :archive::text
WHERE (:installation_id::uuid IS NULL OR EXISTS (SELECT FROM tasker.tasker_installation i WHERE i.installation_id = :installation_id::uuid))
  AND NOT EXISTS (
    SELECT FROM :workflows AS w
    WHERE NOT EXISTS (
      SELECT FROM tasker.tasker_named_tasks k
      JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
      WHERE k.named_task_id = w.named_task_id AND k.name = w.name AND k.version = w.version AND n.name = w.namespace))
ON CONFLICT (worker_id) DO NOTHING
RETURNING worker_id, ${PAUSES_TEXT} AS pauses`,
});

const renewing = (name: string, pauses: string) =>
  defineStatement<{ worker_id: string; pauses: string | null }>()({
    name,
    params: { worker_id: 'bigint', busy_slots: 'integer', draining: 'boolean' },
    text: `
UPDATE tasker.tasker_workers
SET heartbeat_at = clock_timestamp(),
    lease_expires_at = clock_timestamp() + make_interval(secs => lease_seconds),
    busy_slots = :busy_slots,
    draining = :draining
WHERE worker_id = :worker_id AND stopped_at IS NULL
RETURNING worker_id, ${pauses} AS pauses`,
  });

/**
 * Renews the lease, and reads what is paused: no statement of its own is sent for that. Returns no row if the lease was ended: the
 * process has to register again.
 */
export const heartbeat = renewing('heartbeat', PAUSES_TEXT);

/** While an earlier schema is in place, which has no pauses: no step of a working process may be recovered because of that. */
export const heartbeatWithoutPauses = renewing('heartbeat_without_pauses', 'NULL');

/** Deregisters a process after a drain: nothing is left to recover. */
export const deregisterWorker = defineStatement()({
  name: 'deregister_worker',
  params: { worker_id: 'bigint' },
  text: `
UPDATE tasker.tasker_workers
SET stopped_at = clock_timestamp(), stop_reason = 'drained', busy_slots = 0
WHERE worker_id = :worker_id AND stopped_at IS NULL`,
});

/** Deletes processes that stopped more than `hours` ago and hold no claim. */
export const pruneWorkers = defineStatement<{ worker_id: string }>()({
  name: 'prune_workers',
  params: { hours: 'integer' },
  text: `
DELETE FROM tasker.tasker_workers w
WHERE w.stopped_at < statement_timestamp() - make_interval(hours => :hours)
  AND NOT EXISTS (SELECT FROM tasker.tasker_claims c WHERE c.worker_id = w.worker_id)
RETURNING worker_id`,
});
