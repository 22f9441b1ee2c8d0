import type { State } from '../../../workflow/states.ts';
import { defineStatement } from '../../statement.ts';
import { canProgress } from '../rules/can-progress.ts';
import { stepHistory } from '../rules/history.ts';
import { isDone, isNotDone, isOpen } from '../rules/open-states.ts';
import { becomesReady, readyIfUnlocked } from '../rules/readiness.ts';

export const stepNames = defineStatement<{ name: string }>()({
  name: 'step_names',
  params: { task_id: 'bigint' },
  text: `
SELECT n.name
FROM tasker.tasker_workflow_steps s
JOIN tasker.tasker_named_steps n ON n.named_step_id = s.named_step_id
WHERE s.task_id = :task_id
ORDER BY s.workflow_step_id`,
});

/**
 * Puts steps in error back to `pending`, ready at once: an operator's retry does not wait for a backoff. `step_names`: null for every
 * step in error. `attempts`: further attempts to grant at least. Attempts already made stay counted; the limit grows instead, so that
 * history and counter keep agreeing. A step that is not retryable gets its one further attempt in the same way. One that was blocked
 * before its parents were done (an inherited step) waits for them. The task's open steps are locked by the caller.
 */
export const retrySteps = defineStatement<{
  workflow_step_id: string;
  name: string;
  queue: string;
  retry_limit: number;
}>()({
  name: 'retry_steps',
  params: { task_id: 'bigint', step_names: 'text[] | null', attempts: 'integer', metadata: 'jsonb' },
  text: `
WITH retried AS (
  UPDATE tasker.tasker_workflow_steps s
  SET state = 'pending',
      next_retry_at = NULL,
      blocked_at = NULL,
      ready_at = ${readyIfUnlocked('s')},
      retry_limit = greatest(s.retry_limit, s.attempts + :attempts),
      sort_key = s.sort_key + 1
  FROM tasker.tasker_named_steps n
  WHERE s.task_id = :task_id
    AND s.state = 'error'
    AND n.named_step_id = s.named_step_id
    AND (:step_names::text[] IS NULL OR n.name = ANY (:step_names::text[]))
  RETURNING s.task_id, s.workflow_step_id, n.name, s.queue, s.retry_limit, s.sort_key
), ${stepHistory({ source: 'retried', from: `'error'`, to: `'pending'`, cause: `'operator_retry'`, metadata: ':metadata' })}
SELECT workflow_step_id, name, queue, retry_limit FROM retried`,
});

/**
 * Declares steps done by hand, with a result for their children. The task's open steps are locked by the caller. A step in progress
 * is not touched, nor one that waits for a parent: a task is complete when its sinks are, which holds only as long as nothing ends
 * before its parents.
 */
export const resolveSteps = defineStatement<{ workflow_step_id: string; name: string; children: string[] }>()({
  name: 'resolve_steps',
  params: { task_id: 'bigint', step_names: 'text[]', result: 'jsonb', metadata: 'jsonb' },
  text: `
WITH before AS MATERIALIZED (
  SELECT s.task_id, s.workflow_step_id, s.state, n.name
  FROM tasker.tasker_workflow_steps s
  JOIN tasker.tasker_named_steps n ON n.named_step_id = s.named_step_id
  WHERE s.task_id = :task_id
    AND s.state IN ('pending', 'error')
    AND n.name = ANY (:step_names::text[])
    AND s.unmet_parents = 0
), resolved AS (
  UPDATE tasker.tasker_workflow_steps s
  SET state = 'resolved_manually',
      processed = true,
      processed_at = clock_timestamp(),
      results = :result::jsonb,
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
    metadata: ':metadata',
    mayBeFirst: true,
  })}
SELECT workflow_step_id, name, children FROM resolved`,
});

/**
 * Counts down the open parents of the children of resolved steps, and makes ready those that have none left. `child_ids`: one entry per
 * resolved parent. The children are locked by the caller.
 */
export const unlockChildren = defineStatement<{ queue: string }>()({
  name: 'unlock_children',
  params: { task_id: 'bigint', child_ids: 'bigint[]' },
  text: `
UPDATE tasker.tasker_workflow_steps s
SET unmet_parents = s.unmet_parents - u.parents_done,
    ready_at = CASE
      WHEN ${becomesReady('s', 'u')} THEN clock_timestamp()
    END
FROM (
  SELECT c.child_id, count(*)::integer AS parents_done FROM unnest(:child_ids::bigint[]) AS c (child_id) GROUP BY c.child_id
) u
WHERE s.task_id = :task_id AND s.workflow_step_id = u.child_id
RETURNING s.queue`,
});

/** What the task is like now, for the decision that follows an operator's action. The task is locked by the caller. */
export const summarizeTask = defineStatement<{
  state: State;
  steps: number;
  done: number;
  blocked: number;
  runnable: number;
  unfinished_sinks: number;
}>()({
  name: 'summarize_task',
  params: { task_id: 'bigint' },
  text: `
SELECT t.state,
  count(*)::integer AS steps,
  count(*) FILTER (WHERE ${isDone('s')})::integer AS done,
  count(*) FILTER (WHERE s.blocked_at IS NOT NULL)::integer AS blocked,
  count(*) FILTER (WHERE ${canProgress('s')})::integer AS runnable,
  count(*) FILTER (WHERE s.children = '{}' AND ${isNotDone('s')})::integer AS unfinished_sinks
FROM tasker.tasker_tasks t
JOIN tasker.tasker_workflow_steps s ON s.task_id = t.task_id
WHERE t.task_id = :task_id
GROUP BY t.task_id`,
});

/** Brings the task row and the flag on its open steps in line with the steps. */
export const syncTaskCounters = defineStatement()({
  name: 'sync_task_counters',
  params: { task_id: 'bigint', unfinished_sinks: 'integer', blocked: 'boolean' },
  text: `
WITH flagged AS (
  UPDATE tasker.tasker_workflow_steps s
  SET task_blocked = :blocked
  WHERE s.task_id = :task_id AND s.task_blocked <> :blocked AND ${isOpen('s')}
)
UPDATE tasker.tasker_tasks SET unfinished_sinks = :unfinished_sinks WHERE task_id = :task_id AND unfinished_sinks <> :unfinished_sinks`,
});
