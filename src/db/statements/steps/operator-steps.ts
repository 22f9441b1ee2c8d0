import { statement } from '../../statement.ts';
import { stepHistory } from '../rules/history.ts';

/**
 * Puts steps in error back to `pending`, ready at once: an operator's retry does not wait for a backoff.
 * Parameters: task id, step names (null: every step in error), further attempts to grant at least, metadata.
 * Attempts already made stay counted; the limit grows instead, so that history and counter keep agreeing. A step that is
 * not retryable gets its one further attempt in the same way. One that was blocked before its parents were done (an inherited
 * step) waits for them. The task's open steps are locked by the caller.
 */
export const stepNames = statement<{ name: string }>(
  'step_names',
  `
SELECT n.name
FROM tasker.tasker_workflow_steps s
JOIN tasker.tasker_named_steps n ON n.named_step_id = s.named_step_id
WHERE s.task_id = $1
ORDER BY s.workflow_step_id`,
);

export const retrySteps = statement<{ workflow_step_id: string; name: string; queue: string; retry_limit: number }>(
  'retry_steps',
  `
WITH retried AS (
  UPDATE tasker.tasker_workflow_steps s
  SET state = 'pending',
      next_retry_at = NULL,
      blocked_at = NULL,
      ready_at = CASE WHEN s.unmet_parents = 0 THEN clock_timestamp() END,
      retry_limit = greatest(s.retry_limit, s.attempts + $3),
      sort_key = s.sort_key + 1
  FROM tasker.tasker_named_steps n
  WHERE s.task_id = $1
    AND s.state = 'error'
    AND n.named_step_id = s.named_step_id
    AND ($2::text[] IS NULL OR n.name = ANY ($2::text[]))
  RETURNING s.task_id, s.workflow_step_id, n.name, s.queue, s.retry_limit, s.sort_key
), ${stepHistory({ source: 'retried', from: `'error'`, to: `'pending'`, cause: `'operator_retry'`, metadata: '$4' })}
SELECT workflow_step_id, name, queue, retry_limit FROM retried`,
);

/**
 * Declares steps done by hand, with a result for their children. Parameters: task id, step names, result, metadata.
 * The task's open steps are locked by the caller. A step in progress is not touched, nor one that waits for a parent:
 * a task is complete when its sinks are, which holds only as long as nothing ends before its parents.
 */
export const resolveSteps = statement<{ workflow_step_id: string; name: string; children: string[] }>(
  'resolve_steps',
  `
WITH before AS MATERIALIZED (
  SELECT s.task_id, s.workflow_step_id, s.state, n.name
  FROM tasker.tasker_workflow_steps s
  JOIN tasker.tasker_named_steps n ON n.named_step_id = s.named_step_id
  WHERE s.task_id = $1
    AND s.state IN ('pending', 'error')
    AND n.name = ANY ($2::text[])
    AND s.unmet_parents = 0
), resolved AS (
  UPDATE tasker.tasker_workflow_steps s
  SET state = 'resolved_manually',
      processed = true,
      processed_at = clock_timestamp(),
      results = $3::jsonb,
      ready_at = NULL,
      next_retry_at = NULL,
      blocked_at = NULL,
      sort_key = s.sort_key + 1
  FROM before b
  WHERE s.task_id = b.task_id AND s.workflow_step_id = b.workflow_step_id
  RETURNING s.task_id, s.workflow_step_id, s.children, s.sort_key, b.state AS from_state, b.name
), ${stepHistory({
    source: 'resolved',
    from: 'r.from_state',
    to: `'resolved_manually'`,
    cause: `'operator_resolve'`,
    metadata: '$4',
    mayBeFirst: true,
  })}
SELECT workflow_step_id, name, children FROM resolved`,
);

/**
 * Counts down the open parents of the children of resolved steps, and makes ready those that have none left.
 * Parameters: task id, child step ids (one entry per resolved parent). The children are locked by the caller.
 */
export const unlockChildren = statement<{ queue: string }>(
  'unlock_children',
  `
UPDATE tasker.tasker_workflow_steps s
SET unmet_parents = s.unmet_parents - u.parents_done,
    ready_at = CASE
      WHEN s.state = 'pending' AND s.unmet_parents = u.parents_done AND s.attempts < s.retry_limit THEN clock_timestamp()
    END
FROM (
  SELECT c.child_id, count(*)::integer AS parents_done FROM unnest($2::bigint[]) AS c (child_id) GROUP BY c.child_id
) u
WHERE s.task_id = $1 AND s.workflow_step_id = u.child_id
RETURNING s.queue`,
);

/** What the task is like now, for the decision that follows an operator's act. Parameter: task id, locked. */
export const summarizeTask = statement<{
  state: string;
  steps: number;
  done: number;
  blocked: number;
  runnable: number;
  unfinished_sinks: number;
}>(
  'summarize_task',
  `
SELECT t.state,
  count(*)::integer AS steps,
  count(*) FILTER (WHERE s.state IN ('complete', 'resolved_manually'))::integer AS done,
  count(*) FILTER (WHERE s.blocked_at IS NOT NULL)::integer AS blocked,
  count(*) FILTER (WHERE s.in_process OR s.ready_at IS NOT NULL OR s.next_retry_at IS NOT NULL)::integer AS runnable,
  count(*) FILTER (WHERE s.children = '{}' AND s.state NOT IN ('complete', 'resolved_manually'))::integer AS unfinished_sinks
FROM tasker.tasker_tasks t
JOIN tasker.tasker_workflow_steps s ON s.task_id = t.task_id
WHERE t.task_id = $1
GROUP BY t.task_id`,
);

/** Brings the task row and the flag on its open steps in line with the steps. Parameters: task id, unfinished sinks, blocked. */
export const syncTaskCounters = statement(
  'sync_task_counters',
  `
WITH flagged AS (
  UPDATE tasker.tasker_workflow_steps s
  SET task_blocked = $3
  WHERE s.task_id = $1 AND s.task_blocked <> $3 AND s.state IN ('pending', 'in_progress', 'error')
)
UPDATE tasker.tasker_tasks SET unfinished_sinks = $2 WHERE task_id = $1 AND unfinished_sinks <> $2`,
);
