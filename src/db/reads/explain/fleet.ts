import { defineStatement } from '../../statement.ts';
import { isPause, type PauseRow } from '../../statements/acts/pauses.ts';
import { isLive } from '../../statements/rules/live-process.ts';

/**
 * An explanation is of one moment, `as_of`: that of its snapshot. These statements come a little later, or much later if the server stood still in between,
 * and what the snapshot has of the fleet is then that much older than their own clock: live processes would seem dead.
 */
const AT = ':as_of::timestamptz';

/** A process that holds steps. */
export interface HolderRow {
  worker_id: string;
  name: string;
  /** Since its last heartbeat. */
  silent_seconds: number;
  lease_seconds: number;
  lease_expires_at: Date;
  stopped_at: Date | null;
}

export const findHolders = defineStatement<HolderRow>()({
  name: 'find_holders',
  params: { worker_ids: 'bigint[]', as_of: 'timestamptz' },
  text: `
SELECT w.worker_id, w.name, greatest(extract(epoch FROM ${AT} - w.heartbeat_at), 0)::float8 AS silent_seconds,
  w.lease_seconds::float8 AS lease_seconds, w.lease_expires_at, w.stopped_at
FROM tasker.tasker_workers w
WHERE w.worker_id = ANY (:worker_ids::bigint[])`,
});

/** A live worker that serves a queue. */
export interface ServingWorkerRow {
  worker_id: string;
  name: string;
  slots: number;
  busy_slots: number;
  draining: boolean;
  started_seconds: number;
  /** It has handlers for the workflow version; null: it has not reported its workflows yet, which takes some seconds. */
  has_handler: boolean | null;
}

/** The live workers on a queue, one row for each. Reads index workers_living and the reports of those. */
export const findServingWorkers = defineStatement<ServingWorkerRow>()({
  name: 'find_serving_workers',
  params: { queue: 'text', named_task_id: 'integer', as_of: 'timestamptz' },
  text: `
SELECT w.worker_id, w.name, w.slots, w.busy_slots, w.draining,
  greatest(extract(epoch FROM ${AT} - w.started_at), 0)::float8 AS started_seconds,
  (
    SELECT bool_or(coalesce(r.named_task_id = :named_task_id, false))
    FROM tasker.tasker_worker_workflows r
    WHERE r.worker_id = w.worker_id
  ) AS has_handler
FROM tasker.tasker_workers w
WHERE ${isLive('w', AT)} AND w.role = 'worker' AND :queue::text = ANY (w.queues)
ORDER BY w.worker_id
LIMIT 1000`,
});

/** A version of one workflow, and how many live workers run it. */
export interface VersionCoverageRow {
  version: string;
  workers: number;
  /** The message of a worker that refuses the version. */
  problem: string | null;
}

/** The versions of a workflow that live workers have handlers for, on whatever queues. */
export const findServedVersions = defineStatement<VersionCoverageRow>()({
  name: 'find_served_versions',
  params: { namespace: 'text', name: 'text', as_of: 'timestamptz' },
  text: `
SELECT r.version, (count(*) FILTER (WHERE r.problem IS NULL))::integer AS workers, min(r.problem) AS problem
FROM tasker.tasker_workers w
JOIN tasker.tasker_worker_workflows r ON r.worker_id = w.worker_id
WHERE ${isLive('w', AT)} AND NOT w.draining
  AND r.namespace = :namespace AND r.name = :name
GROUP BY r.version
ORDER BY r.version`,
});

/**
 * A row if a pause of a queue or a workflow (`namespace/name`) has ended in the last seconds: by itself, or by somebody. Reads the acts on both of them;
 * asked before a step that nobody takes is called a fault, and never else.
 */
export const findLateResume = defineStatement<{ at: Date }>()({
  name: 'find_late_resume',
  params: { queue: 'text', workflow: 'text', as_of: 'timestamptz', seconds: 'float8' },
  text: `
SELECT x.at
FROM (
  SELECT p.until AS at
  FROM tasker.tasker_pauses p
  WHERE (p.kind, p.name) IN (('queue', :queue::text), ('workflow', :workflow::text))
  UNION ALL
  SELECT a.at
  FROM tasker.tasker_audit a
  WHERE a.subject = 'queue' AND a.subject_id = :queue::text AND a.act = 'queue.resume' AND NOT a.refused
  UNION ALL
  SELECT a.at
  FROM tasker.tasker_audit a
  WHERE a.subject = 'workflow' AND a.subject_id = :workflow::text AND a.act = 'workflow.resume' AND NOT a.refused
) x
WHERE x.at > ${AT} - make_interval(secs => :seconds::float8)
LIMIT 1`,
});

export interface HeldStepsRow {
  /** Counted up to the limit. */
  held: number;
  oldest_at: Date | null;
  oldest_task_id: string | null;
  oldest_step: string | null;
}

/** What workers run now: the steps that their claims still hold. Costs a look-up for each, up to `most`. */
export const findHeldSteps = defineStatement<HeldStepsRow>()({
  name: 'find_held_steps',
  params: { worker_ids: 'bigint[]', most: 'integer' },
  text: `
WITH held AS MATERIALIZED (
  SELECT s.task_id, s.named_step_id, s.last_attempted_at
  FROM (
    SELECT c.claim_id, k.task_id, k.workflow_step_id
    FROM tasker.tasker_claims c
    CROSS JOIN LATERAL unnest(c.task_ids, c.workflow_step_ids) AS k (task_id, workflow_step_id)
    WHERE c.worker_id = ANY (:worker_ids::bigint[])
    LIMIT :most
  ) m
  CROSS JOIN LATERAL (
    SELECT * FROM tasker.tasker_workflow_steps s
    WHERE s.task_id = m.task_id AND s.workflow_step_id = m.workflow_step_id AND s.claim_id = m.claim_id
    OFFSET 0
  ) s
), oldest AS (
  SELECT h.* FROM held h ORDER BY h.last_attempted_at LIMIT 1
)
SELECT (SELECT count(*) FROM held)::integer AS held, o.last_attempted_at AS oldest_at, o.task_id::text AS oldest_task_id,
  (SELECT n.name FROM tasker.tasker_named_steps n WHERE n.named_step_id = o.named_step_id) AS oldest_step
FROM (SELECT 1) one
LEFT JOIN oldest o ON true`,
});

/** The number of schedulers that live at a moment. */
export const countSchedulersAt = defineStatement<{ schedulers: number }>()({
  name: 'count_schedulers_at',
  params: { as_of: 'timestamptz' },
  text: `
SELECT count(*)::integer AS schedulers
FROM tasker.tasker_workers w
WHERE w.role = 'scheduler' AND ${isLive('w', AT)}`,
});

/** The pauses of a queue and of a workflow at a moment: two rows at most. `workflow`: `namespace/name`. */
export const findPausesOf = defineStatement<PauseRow>()({
  name: 'find_pauses_of',
  params: { queue: 'text', workflow: 'text', as_of: 'timestamptz' },
  text: `
SELECT p.kind, p.name, p.by, p.reason, p.paused_at, p.until
FROM tasker.tasker_pauses p
WHERE (p.kind, p.name) IN (('queue', :queue::text), ('workflow', :workflow::text)) AND ${isPause('p', AT)}
ORDER BY p.kind, p.name`,
});
