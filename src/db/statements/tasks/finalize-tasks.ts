import type { State } from '../../../workflow/states.ts';
import { defineStatement } from '../../statement.ts';
import { canProgress } from '../rules/can-progress.ts';
import { taskHistory } from '../rules/history.ts';
import { isOpen } from '../rules/open-states.ts';

/**
 * Finalizing decides whether a task with a blocked step can still go on. Three statements in one transaction, because each
 * needs a snapshot younger than the locks before it:
 *   1. flagBlockedTasks      every open step of the task has the flag that a step is blocked, so that each later completion finalizes too
 *   2. lockTasks             two workers that end the last two steps finalize one after the other
 *   3. failUnrunnableTasks   nothing in progress, nothing ready, no retry to come: the task is in error
 */

/** Locks open step rows by key, the order that a completion keeps for children. */
export const flagBlockedTasks = defineStatement()({
  name: 'flag_blocked_tasks',
  params: { task_ids: 'bigint[]' },
  text: `
WITH open AS MATERIALIZED (
  SELECT s.task_id, s.workflow_step_id
  FROM tasker.tasker_workflow_steps s
  WHERE s.task_id = ANY (:task_ids::bigint[]) AND ${isOpen('s')} AND NOT s.task_blocked
  ORDER BY s.task_id, s.workflow_step_id
  FOR NO KEY UPDATE
)
UPDATE tasker.tasker_workflow_steps s
SET task_blocked = true
FROM open o
WHERE s.task_id = o.task_id AND s.workflow_step_id = o.workflow_step_id`,
});

export interface LockedTaskRow {
  task_id: string;
  state: State;
}

/** Task rows come last in the lock order, by id. */
export const lockTasks = defineStatement<LockedTaskRow>()({
  name: 'lock_tasks',
  params: { task_ids: 'bigint[]' },
  text: `
SELECT t.task_id, t.state
FROM tasker.tasker_tasks t
WHERE t.task_id = ANY (:task_ids::bigint[])
ORDER BY t.task_id
FOR NO KEY UPDATE`,
});

/** The tasks are locked by the caller. Returns those that went to error. */
export const failUnrunnableTasks = defineStatement<{ task_id: string }>()({
  name: 'end_stuck_tasks',
  params: { task_ids: 'bigint[]' },
  text: `
WITH ended AS (
  UPDATE tasker.tasker_tasks t
  SET state = 'error', sort_key = t.sort_key + 1
  WHERE t.task_id = ANY (:task_ids::bigint[])
    AND t.state = 'in_progress'
    AND EXISTS (
      SELECT FROM tasker.tasker_workflow_steps s WHERE s.task_id = t.task_id AND s.blocked_at IS NOT NULL)
    AND NOT EXISTS (
      SELECT FROM tasker.tasker_workflow_steps s
      WHERE s.task_id = t.task_id AND ${canProgress('s')})
  RETURNING t.task_id, t.sort_key
), ${taskHistory({ source: 'ended', from: `'in_progress'`, to: `'error'`, cause: `'step_blocked'` })}
SELECT task_id FROM ended`,
});

/**
 * Tasks with a blocked step that were not finalized, because the process that should have done so died in between. Reads the `limit`
 * newest entries of index steps_blocked: older ones were checked when they were new.
 */
export const findUnfinalizedTasks = defineStatement<{ task_id: string }>()({
  name: 'find_unsettled_tasks',
  params: { limit: 'integer' },
  text: `
SELECT DISTINCT recent.task_id
FROM (
  SELECT s.task_id
  FROM tasker.tasker_workflow_steps s
  WHERE s.blocked_at IS NOT NULL
  ORDER BY s.blocked_at DESC
  LIMIT :limit
) recent
JOIN tasker.tasker_tasks t ON t.task_id = recent.task_id
WHERE t.state = 'in_progress'
  AND NOT EXISTS (
    SELECT FROM tasker.tasker_workflow_steps s
    WHERE s.task_id = t.task_id AND ${canProgress('s')})`,
});
