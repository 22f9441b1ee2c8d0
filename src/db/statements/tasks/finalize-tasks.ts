import { statement } from '../../statement.ts';
import { taskHistory } from '../rules/history.ts';

/**
 * Settling decides whether a task with a blocked step can still go on. Four statements in one transaction, because each
 * needs a snapshot younger than the locks before it:
 *   1. flagBlockedTasks    every open step of the task says that a step is blocked, so that each later completion settles too
 *   2. lockTasks           two workers that end the last two steps settle one after the other
 *   3. completeDoneTasks        every step is done: the task is complete
 *   4. failUnrunnableTasks       nothing in progress, nothing ready, no retry to come: the task is in error
 */

/** Parameter: task ids. Locks open step rows by key, the order that a completion keeps for children. */
export const flagBlockedTasks = statement(
  'flag_blocked_tasks',
  `
WITH open AS MATERIALIZED (
  SELECT s.task_id, s.workflow_step_id
  FROM tasker.tasker_workflow_steps s
  WHERE s.task_id = ANY ($1::bigint[]) AND s.state IN ('pending', 'in_progress', 'error') AND NOT s.task_blocked
  ORDER BY s.task_id, s.workflow_step_id
  FOR NO KEY UPDATE
)
UPDATE tasker.tasker_workflow_steps s
SET task_blocked = true
FROM open o
WHERE s.task_id = o.task_id AND s.workflow_step_id = o.workflow_step_id`,
);

export interface LockedTaskRow {
  task_id: string;
  state: string;
}

/** Parameter: task ids. Task rows come last in the lock order, by id. */
export const lockTasks = statement<LockedTaskRow>(
  'lock_tasks',
  `
SELECT t.task_id, t.state
FROM tasker.tasker_tasks t
WHERE t.task_id = ANY ($1::bigint[])
ORDER BY t.task_id
FOR NO KEY UPDATE`,
);

/**
 * Parameter: task ids, all locked. Returns the tasks that are complete. In general the completion of the last sink ends a task;
 * this is for inherited tasks whose sinks were done before an inner step was.
 */
export const completeDoneTasks = statement<{ task_id: string }>(
  'end_done_tasks',
  `
WITH ended AS (
  UPDATE tasker.tasker_tasks t
  SET state = 'complete', complete = true, completed_at = clock_timestamp(), sort_key = t.sort_key + 1
  WHERE t.task_id = ANY ($1::bigint[])
    AND t.state = 'in_progress'
    AND t.unfinished_sinks = 0
    AND NOT EXISTS (
      SELECT FROM tasker.tasker_workflow_steps s
      WHERE s.task_id = t.task_id AND s.state NOT IN ('complete', 'resolved_manually'))
  RETURNING t.task_id, t.sort_key
), ${taskHistory({ source: 'ended', from: `'in_progress'`, to: `'complete'`, cause: `'complete'` })}
SELECT task_id FROM ended`,
);

/** Parameter: task ids, all locked. Returns the tasks that went to error. */
export const failUnrunnableTasks = statement<{ task_id: string }>(
  'end_stuck_tasks',
  `
WITH ended AS (
  UPDATE tasker.tasker_tasks t
  SET state = 'error', sort_key = t.sort_key + 1
  WHERE t.task_id = ANY ($1::bigint[])
    AND t.state = 'in_progress'
    AND EXISTS (
      SELECT FROM tasker.tasker_workflow_steps s WHERE s.task_id = t.task_id AND s.blocked_at IS NOT NULL)
    AND NOT EXISTS (
      SELECT FROM tasker.tasker_workflow_steps s
      WHERE s.task_id = t.task_id AND (s.in_process OR s.ready_at IS NOT NULL OR s.next_retry_at IS NOT NULL))
  RETURNING t.task_id, t.sort_key
), ${taskHistory({ source: 'ended', from: `'in_progress'`, to: `'error'`, cause: `'step_blocked'` })}
SELECT task_id FROM ended`,
);

/**
 * Tasks with a blocked step that nobody settled, because the process that should have done so died in between.
 * Parameter: how many. Reads steps_blocked, the newest first: old ones were looked at when they were new.
 */
export const findUnfinalizedTasks = statement<{ task_id: string }>(
  'find_unsettled_tasks',
  `
SELECT DISTINCT recent.task_id
FROM (
  SELECT s.task_id
  FROM tasker.tasker_workflow_steps s
  WHERE s.blocked_at IS NOT NULL
  ORDER BY s.blocked_at DESC
  LIMIT $1
) recent
JOIN tasker.tasker_tasks t ON t.task_id = recent.task_id
WHERE t.state = 'in_progress'
  AND NOT EXISTS (
    SELECT FROM tasker.tasker_workflow_steps s
    WHERE s.task_id = t.task_id AND (s.in_process OR s.ready_at IS NOT NULL OR s.next_retry_at IS NOT NULL))`,
);
