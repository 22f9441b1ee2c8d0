import { defineStatement } from '../../statement.ts';
import { isPause } from '../../statements/acts/pauses.ts';

/**
 * How many ready steps of a queue come before one, in the order of claims, of those that these workers would take: of the workflows that they
 * have reported and of the step's own (`takes_any`: of every one, since one of them has not reported yet), without those of paused workflows. It reads up to `most` entries of steps_ready: `read_steps`, of any workflow.
 */
export const countAhead = defineStatement<{ ahead: number; read_steps: number }>()({
  name: 'count_ahead',
  params: {
    queue: 'text',
    priority: 'smallint',
    ready_at: 'text',
    step_id: 'bigint',
    named_task_id: 'integer',
    worker_ids: 'bigint[]',
    takes_any: 'boolean',
    as_of: 'timestamptz',
    most: 'integer',
  },
  text: `
WITH taken AS MATERIALIZED (
  SELECT :named_task_id::integer AS named_task_id
  UNION
  SELECT r.named_task_id FROM tasker.tasker_worker_workflows r WHERE r.worker_id = ANY (:worker_ids::bigint[]) AND r.named_task_id IS NOT NULL
), paused AS MATERIALIZED (
  SELECT k.named_task_id
  FROM tasker.tasker_pauses p
  JOIN tasker.tasker_task_namespaces n ON p.name LIKE n.name || '/%'
  JOIN tasker.tasker_named_tasks k ON k.task_namespace_id = n.task_namespace_id AND p.name = n.name || '/' || k.name
  WHERE p.kind = 'workflow' AND ${isPause('p', ':as_of::timestamptz')}
)
SELECT (count(*) FILTER (
    WHERE (:takes_any::boolean OR a.named_task_id IN (SELECT t.named_task_id FROM taken t))
      AND a.named_task_id NOT IN (SELECT p.named_task_id FROM paused p)
  ))::integer AS ahead, count(*)::integer AS read_steps
FROM (
  SELECT s.named_task_id
  FROM tasker.tasker_workflow_steps s
  WHERE s.ready_at IS NOT NULL AND s.queue = :queue
    AND (s.priority, s.ready_at, s.workflow_step_id) < (:priority::smallint, :ready_at::timestamptz, :step_id::bigint)
  ORDER BY s.priority, s.ready_at, s.workflow_step_id
  LIMIT :most
) a`,
});

export interface QueueSignalRow {
  desired_replicas: number;
  workers: number;
  reason: string;
  completion_rate: number;
  step_seconds: number;
  measured_seconds: number;
  valid: boolean;
}

/** The last evaluation of the scaling policy for a queue, as it is at a moment. */
export const findQueueSignal = defineStatement<QueueSignalRow>()({
  name: 'find_queue_signal',
  params: { queue: 'text', as_of: 'timestamptz' },
  text: `
SELECT g.desired_replicas, g.workers, g.reason, g.completion_rate, g.step_seconds,
  extract(epoch FROM :as_of::timestamptz - g.measured_at)::float8 AS measured_seconds, g.valid_until > :as_of::timestamptz AS valid
FROM tasker.tasker_queue_scaling_signals g
WHERE g.queue = :queue`,
});

/** How many of the newest `most` blocked steps have this fingerprint. */
export const countSameFailure = defineStatement<{ same: number; read_steps: number }>()({
  name: 'count_same_failure',
  params: { fingerprint: 'text', most: 'integer' },
  text: `
SELECT (count(*) FILTER (WHERE x.fingerprint = :fingerprint))::integer AS same, count(*)::integer AS read_steps
FROM (
  SELECT s.task_id, s.workflow_step_id, s.sort_key
  FROM tasker.tasker_workflow_steps s
  WHERE s.blocked_at IS NOT NULL
  ORDER BY s.blocked_at DESC
  LIMIT :most
) b
CROSS JOIN LATERAL (
  SELECT t.metadata #>> '{error,fingerprint}' AS fingerprint
  FROM tasker.tasker_workflow_step_transitions t
  WHERE t.task_id = b.task_id AND t.workflow_step_id = b.workflow_step_id AND t.sort_key = b.sort_key
  OFFSET 0
) x`,
});

/** How long attempts of a step took on the last day that was counted. */
export const findUsualDuration = defineStatement<{ running_p95: number | null }>()({
  name: 'find_usual_duration',
  params: { named_task_id: 'integer', named_step_id: 'integer' },
  text: `
SELECT r.running_p95
FROM tasker.tasker_run_stats r
WHERE r.period = 'day' AND r.named_task_id = :named_task_id AND r.named_step_id = :named_step_id
ORDER BY r.starts_at DESC
LIMIT 1`,
});

/** How often the process of a step died while it ran it. */
export const countCrashes = defineStatement<{ crashes: number }>()({
  name: 'count_crashes',
  params: { task_id: 'bigint', step_id: 'bigint' },
  text: `
SELECT count(*)::integer AS crashes
FROM tasker.tasker_workflow_step_transitions t
WHERE t.task_id = :task_id AND t.workflow_step_id = :step_id AND t.cause = 'lease_expired'`,
});
