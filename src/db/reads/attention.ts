import { defineStatement } from '../statement.ts';
import { isLive } from '../statements/rules/live-process.ts';
import { floorOf, fromFloorOn, READY_QUEUES } from './ready-queues.ts';

/** Steps at the front of each queue that are read: those that nobody serves gather there. */
const FRONT = 200;
/** A worker that starts, or a deployment, is not in need of a person for that. */
const GRACE_SECONDS = 30;

/** A workflow version with ready steps that no live worker has handlers for. */
export interface UnservedVersionRow {
  namespace: string;
  workflow: string;
  version: string;
  /** Ready steps, among the first 200 of each queue. */
  ready: number;
  oldest_ready_seconds: number;
  /** Why live workers refuse it. */
  problems: string[];
}

/** Versions whose steps have been ready for half a minute and that no live worker serves. Reads the front of each queue from steps_ready, from its floor on. */
export const findUnservedVersions = defineStatement<UnservedVersionRow>()({
  name: 'find_unserved_versions',
  text: `
WITH RECURSIVE ${READY_QUEUES}, floors AS MATERIALIZED (
  SELECT q.queue, ${floorOf('g')} AS floor
  FROM queues q
  LEFT JOIN tasker.tasker_queue_scaling_signals g ON g.queue = q.queue
  WHERE q.queue IS NOT NULL
), fronts AS MATERIALIZED (
  SELECT f.named_task_id, count(*)::integer AS ready, min(f.ready_at) AS oldest
  FROM floors q
  CROSS JOIN LATERAL (
    SELECT s.named_task_id, s.ready_at
    FROM tasker.tasker_workflow_steps s
    WHERE s.ready_at IS NOT NULL AND s.queue = q.queue AND ${fromFloorOn('s.ready_at', 'q.floor')}
    ORDER BY s.priority, s.ready_at, s.workflow_step_id
    LIMIT ${FRONT}
  ) f
  GROUP BY f.named_task_id
)
SELECT n.name AS namespace, k.name AS workflow, k.version, f.ready,
  extract(epoch FROM statement_timestamp() - f.oldest)::float8 AS oldest_ready_seconds,
  ARRAY(
    SELECT DISTINCT r.problem
    FROM tasker.tasker_worker_workflows r
    JOIN tasker.tasker_workers w ON w.worker_id = r.worker_id
    WHERE r.namespace = n.name AND r.name = k.name AND r.version = k.version AND r.problem IS NOT NULL
      AND ${isLive('w')}
  ) AS problems
FROM fronts f
JOIN tasker.tasker_named_tasks k ON k.named_task_id = f.named_task_id
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
WHERE f.oldest < statement_timestamp() - interval '${GRACE_SECONDS} seconds' AND NOT EXISTS (
  SELECT FROM tasker.tasker_worker_workflows r
  JOIN tasker.tasker_workers w ON w.worker_id = r.worker_id
  WHERE r.named_task_id = f.named_task_id AND ${isLive('w')}
)
ORDER BY oldest_ready_seconds DESC`,
});

/** A process whose lease has ended, and that did not deregister: its steps are being taken from it. */
export interface SilentProcessRow {
  worker_id: string;
  role: string;
  name: string;
  silent_seconds: number;
  busy_slots: number;
}

/** Processes that have missed a third of their lease or more. */
export const findSilentProcesses = defineStatement<SilentProcessRow>()({
  name: 'find_silent_processes',
  text: `
SELECT w.worker_id, w.role, w.name, extract(epoch FROM statement_timestamp() - w.heartbeat_at)::float8 AS silent_seconds, w.busy_slots
FROM tasker.tasker_workers w
WHERE w.stopped_at IS NULL
  AND w.heartbeat_at < statement_timestamp() - make_interval(secs => greatest(w.lease_seconds / 3, 3))
ORDER BY w.heartbeat_at`,
});

/** A workflow version, and a live process that has handlers for it or refuses it. */
export interface CoverageRow {
  namespace: string;
  workflow: string;
  version: string;
  registered: boolean;
  /** Null: no live process has it. */
  worker_id: string | null;
  /** Why that process refuses it; null: it serves it. */
  problem: string | null;
}

/** Every workflow version with each live process that has it: one row for each pair, and one for a version without any. */
export const listCoverage = defineStatement<CoverageRow>()({
  name: 'list_coverage',
  text: `
SELECT coalesce(k.namespace, r.namespace) AS namespace, coalesce(k.workflow, r.name) AS workflow,
  coalesce(k.version, r.version) AS version, coalesce(k.registered, false) AS registered, r.worker_id, r.problem
FROM (
  SELECT n.name AS namespace, k.name AS workflow, k.version, k.definition_hash IS NOT NULL AS registered
  FROM tasker.tasker_named_tasks k
  JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
) k
FULL JOIN (
  SELECT r.* FROM tasker.tasker_worker_workflows r
  JOIN tasker.tasker_workers w ON w.worker_id = r.worker_id
  WHERE ${isLive('w')}
) r ON r.namespace = k.namespace AND r.name = k.workflow AND r.version = k.version
ORDER BY 1, 2, 3, r.worker_id`,
});
