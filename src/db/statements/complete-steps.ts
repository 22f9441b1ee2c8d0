import { statement } from '../statement.ts';
import { stepHistory, taskHistory } from './history.ts';

/** One row per thing the worker has to know; which columns are filled depends on `kind`. */
export interface CompletionRow {
  kind: 'lost' | 'claimed' | 'ready' | 'task_complete' | 'settle';
  task_id: string | null;
  workflow_step_id: string | null;
  named_task_id: number | null;
  attempts: number | null;
  retry_limit: number | null;
  retryable: boolean | null;
  queue: string | null;
  /** How many children of this queue were made ready and left for any worker. */
  ready_steps: number | null;
}

/**
 * Completes a batch of a worker's own steps, unlocks their children, and claims for the same worker those children that it
 * can run at once: complete -> unlock -> claim in one round trip.
 *
 * Parameters: task ids, step ids, claim ids, results (jsonb as text), new claim id, worker id, how many children may be
 * claimed, queues the worker serves, named task ids it has handlers for, claim ids that are done with.
 *
 * Locks, in the order that every statement keeps: the worker's own steps (by key), the children (by key), the tasks whose
 * sink ended (by id). A child's row lock serialises two parents that end together, and after the wait PostgreSQL re-reads
 * the row, so the second sees the first one's count. The update then takes every value from the locked row and none from
 * the statement's older snapshot of it: CHECK constraints are evaluated before PostgreSQL finds out that the snapshot is
 * stale, and a mixture of both would fail them. A child left over is made ready (index steps_ready).
 * A step whose claim was lost changes nothing and comes back as `lost`.
 */
export const completeSteps = statement<CompletionRow>(
  'complete_steps',
  `
WITH finished AS MATERIALIZED (
  SELECT i.task_id, i.workflow_step_id, i.claim_id, i.results
  FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::jsonb[]) AS i (task_id, workflow_step_id, claim_id, results)
), done AS (
  UPDATE tasker.tasker_workflow_steps s
  SET state = 'complete',
      in_process = false,
      processed = true,
      processed_at = clock_timestamp(),
      results = f.results,
      claim_id = NULL,
      claimed_by = NULL,
      sort_key = s.sort_key + 1
  FROM finished f
  WHERE s.task_id = f.task_id AND s.workflow_step_id = f.workflow_step_id AND s.claim_id = f.claim_id AND s.in_process
  RETURNING s.task_id, s.workflow_step_id, s.children, s.sort_key, s.task_blocked, s.processed_at, f.claim_id
), ${stepHistory({
    source: 'done',
    from: `'in_progress'`,
    to: `'complete'`,
    cause: `'complete'`,
    claimId: 'r.claim_id',
    workerId: '$6',
    at: 'r.processed_at',
  })}, unlocking AS MATERIALIZED (
  SELECT d.task_id, c.child_id, count(*)::integer AS parents_done
  FROM done d
  CROSS JOIN LATERAL unnest(d.children) AS c (child_id)
  GROUP BY d.task_id, c.child_id
), child AS MATERIALIZED (
  SELECT s.task_id, s.workflow_step_id, s.queue, s.priority, s.named_task_id, s.state, s.sort_key, s.attempts,
    s.last_attempted_at, s.unmet_parents - u.parents_done AS unmet_parents,
    s.state = 'pending' AND s.unmet_parents = u.parents_done AND s.attempts < s.retry_limit AS becomes_ready
  FROM unlocking u
  JOIN tasker.tasker_workflow_steps s ON s.task_id = u.task_id AND s.workflow_step_id = u.child_id
  ORDER BY s.task_id, s.workflow_step_id
  FOR NO KEY UPDATE OF s
), choice AS MATERIALIZED (
  SELECT c.*, c.claimable AND row_number() OVER (PARTITION BY c.claimable ORDER BY c.priority, c.workflow_step_id) <= $7 AS taken
  FROM (
    SELECT child.*,
      becomes_ready AND sort_key = 0 AND queue = ANY ($8::text[]) AND named_task_id = ANY ($9::integer[])
        AND EXISTS (SELECT FROM tasker.tasker_workers w WHERE w.worker_id = $6 AND w.stopped_at IS NULL) AS claimable
    FROM child
  ) c
), unlocked AS (
  UPDATE tasker.tasker_workflow_steps s
  SET unmet_parents = c.unmet_parents,
      ready_at = CASE WHEN c.becomes_ready AND NOT c.taken THEN clock_timestamp() END,
      state = CASE WHEN c.taken THEN 'in_progress' ELSE c.state END,
      in_process = c.taken,
      attempts = c.attempts + c.taken::integer,
      last_attempted_at = CASE WHEN c.taken THEN clock_timestamp() ELSE c.last_attempted_at END,
      claim_id = CASE WHEN c.taken THEN $5::uuid END,
      claimed_by = CASE WHEN c.taken THEN $6::bigint END,
      sort_key = c.sort_key + c.taken::integer
  FROM choice c
  WHERE s.task_id = c.task_id AND s.workflow_step_id = c.workflow_step_id
  RETURNING s.task_id, s.workflow_step_id, s.named_task_id, s.queue, s.in_process, s.ready_at, s.attempts, s.retry_limit,
    s.retryable, s.sort_key, s.last_attempted_at
), child_history AS (
  INSERT INTO tasker.tasker_workflow_step_transitions
    (task_id, workflow_step_id, sort_key, from_state, to_state, most_recent, cause, claim_id, worker_id, created_at)
  SELECT u.task_id, u.workflow_step_id, u.sort_key, 'pending', 'in_progress', true, 'claim', $5, $6, u.last_attempted_at
  FROM unlocked u
  WHERE u.in_process
), recorded AS (
  INSERT INTO tasker.tasker_claims (claim_id, worker_id, task_ids, workflow_step_ids)
  SELECT $5, $6, array_agg(u.task_id), array_agg(u.workflow_step_id)
  FROM unlocked u
  WHERE u.in_process
  HAVING count(*) > 0
), closed AS (
  DELETE FROM tasker.tasker_claims WHERE claim_id = ANY ($10::uuid[])
), sinks AS MATERIALIZED (
  SELECT d.task_id, count(*)::integer AS sinks_done
  FROM done d
  WHERE d.children = '{}'
  GROUP BY d.task_id
), ending AS MATERIALIZED (
  SELECT t.task_id, n.sinks_done
  FROM sinks n
  JOIN tasker.tasker_tasks t ON t.task_id = n.task_id
  WHERE (SELECT count(*) FROM unlocked) >= 0
  ORDER BY t.task_id
  FOR NO KEY UPDATE OF t
), ended AS (
  UPDATE tasker.tasker_tasks t
  SET unfinished_sinks = t.unfinished_sinks - e.sinks_done,
      state = CASE WHEN t.unfinished_sinks = e.sinks_done AND t.state = 'in_progress' THEN 'complete' ELSE t.state END,
      complete = t.unfinished_sinks = e.sinks_done AND t.state = 'in_progress',
      completed_at = CASE WHEN t.unfinished_sinks = e.sinks_done AND t.state = 'in_progress' THEN clock_timestamp() END,
      sort_key = t.sort_key + (t.unfinished_sinks = e.sinks_done AND t.state = 'in_progress')::integer
  FROM ending e
  WHERE t.task_id = e.task_id
  RETURNING t.task_id, t.sort_key, t.complete
), ${taskHistory({ source: 'ended', from: `'in_progress'`, to: `'complete'`, cause: `'complete'`, workerId: '$6', where: 'r.complete' })}
SELECT 'lost' AS kind, f.task_id, f.workflow_step_id, NULL::integer AS named_task_id, NULL::integer AS attempts,
  NULL::integer AS retry_limit, NULL::boolean AS retryable, NULL AS queue, NULL::integer AS ready_steps
FROM finished f
WHERE NOT EXISTS (SELECT FROM done d WHERE d.task_id = f.task_id AND d.workflow_step_id = f.workflow_step_id)
UNION ALL
SELECT 'claimed', u.task_id, u.workflow_step_id, u.named_task_id, u.attempts, u.retry_limit, u.retryable, u.queue, NULL
FROM unlocked u
WHERE u.in_process
UNION ALL
SELECT 'ready', NULL, NULL, NULL, NULL, NULL, NULL, u.queue, count(*)::integer
FROM unlocked u
WHERE u.ready_at IS NOT NULL
GROUP BY u.queue
UNION ALL
SELECT 'task_complete', e.task_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM ended e WHERE e.complete
UNION ALL
SELECT DISTINCT 'settle', d.task_id, NULL::bigint, NULL::integer, NULL::integer, NULL::integer, NULL::boolean, NULL, NULL::integer
FROM done d
WHERE d.task_blocked`,
);
