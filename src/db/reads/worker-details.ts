import { defineStatement } from '../statement.ts';
import { heldBy } from '../statements/rules/claim-fence.ts';
import { isLive } from '../statements/rules/live-process.ts';
import type { WorkerRow } from './workers.ts';

/** A process of the fleet, with its lease. */
export interface LeasedWorkerRow extends WorkerRow {
  /** It has not stopped, and its lease has not run out. */
  live: boolean;
  lease_seconds: number;
  /** Negative: it has run out. */
  lease_left_seconds: number;
}

/** One process, by the primary key. */
export const findWorker = defineStatement<LeasedWorkerRow>()({
  name: 'find_worker',
  params: { worker_id: 'bigint' },
  text: `
SELECT w.worker_id, w.role, w.name, w.version, w.queues, w.slots, w.busy_slots, w.draining, w.started_at,
  extract(epoch FROM clock_timestamp() - w.heartbeat_at)::float8 AS silent_seconds, w.stopped_at, w.stop_reason,
  ${isLive('w')} AS live, w.lease_seconds::float8 AS lease_seconds,
  extract(epoch FROM w.lease_expires_at - clock_timestamp())::float8 AS lease_left_seconds
FROM tasker.tasker_workers w
WHERE w.worker_id = :worker_id`,
});

/** A workflow version that a process has handlers for. */
export interface ServedVersionRow {
  namespace: string;
  workflow: string;
  version: string;
  /** Why the process refuses it; null: it serves it. */
  problem: string | null;
}

/** What one process serves and refuses: a range of the primary key. */
export const listServedBy = defineStatement<ServedVersionRow>()({
  name: 'list_served_by',
  params: { worker_id: 'bigint' },
  text: `
SELECT r.namespace, r.name AS workflow, r.version, r.problem
FROM tasker.tasker_worker_workflows r
WHERE r.worker_id = :worker_id
ORDER BY r.namespace, r.name, r.version`,
});

/** A step that a process holds. */
export interface HeldStepRow {
  task_id: string;
  step: string;
  namespace: string;
  workflow: string;
  version: string;
  queue: string;
  attempt: number;
  retry_limit: number;
  /** When it was claimed: it may still wait for a slot. */
  claimed_at: Date;
  held_seconds: number;
}

/** The steps that a process has claimed and that have not ended, the oldest claim first. Reads the whole, small table of claims, and each step by its key. */
export const listHeldBy = defineStatement<HeldStepRow>()({
  name: 'list_held_by',
  params: { worker_id: 'bigint', limit: 'integer' },
  text: `
SELECT s.task_id, x.name AS step, n.name AS namespace, d.name AS workflow, d.version, s.queue, s.attempts AS attempt, s.retry_limit,
  c.created_at AS claimed_at, extract(epoch FROM clock_timestamp() - c.created_at)::float8 AS held_seconds
FROM (
  SELECT c.claim_id, c.task_ids, c.workflow_step_ids, c.created_at
  FROM tasker.tasker_claims c
  WHERE c.worker_id = :worker_id
  ORDER BY c.created_at, c.claim_id
  LIMIT :limit
) c
CROSS JOIN LATERAL unnest(c.task_ids, c.workflow_step_ids) AS k (task_id, workflow_step_id)
JOIN tasker.tasker_workflow_steps s
  ON ${heldBy('s', 'k', 'c')}
JOIN tasker.tasker_named_steps x ON x.named_step_id = s.named_step_id
JOIN tasker.tasker_named_tasks d ON d.named_task_id = s.named_task_id
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = d.task_namespace_id
ORDER BY c.created_at, s.task_id, s.workflow_step_id
LIMIT :limit`,
});
