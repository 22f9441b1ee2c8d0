import { defineStatement } from '../../statement.ts';

/** How many ready steps of a queue come before one, counted up to `most`: entries of steps_ready in the order of claims. */
export const countAhead = defineStatement<{ ahead: number }>()({
  name: 'count_ahead',
  params: { queue: 'text', priority: 'smallint', ready_at: 'text', step_id: 'bigint', most: 'integer' },
  text: `
SELECT count(*)::integer AS ahead
FROM (
  SELECT FROM tasker.tasker_workflow_steps s
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
