import { defineStatement } from '../../statement.ts';
import { stepHistory, taskHistory } from '../rules/history.ts';
import { DONE, isOpen } from '../rules/open-states.ts';

/** Locks every open step of the tasks by key, before the task rows. */
export const lockOpenSteps = defineStatement<{ task_id: string; workflow_step_id: string }>()({
  name: 'lock_open_steps',
  params: { task_ids: 'bigint[]' },
  text: `
SELECT s.task_id, s.workflow_step_id
FROM tasker.tasker_workflow_steps s
WHERE s.task_id = ANY (:task_ids::bigint[]) AND ${isOpen('s')}
ORDER BY s.task_id, s.workflow_step_id
FOR NO KEY UPDATE`,
});

/**
 * Cancels the open steps of tasks whose rows and steps are locked. A step that is running loses its claim: its worker's completion will
 * be refused. `metadata`: by whom and why.
 */
export const cancelOpenSteps = defineStatement<{ task_id: string; workflow_step_id: string }>()({
  name: 'cancel_open_steps',
  params: { task_ids: 'bigint[]', metadata: 'jsonb' },
  text: `
WITH before AS MATERIALIZED (
  SELECT s.task_id, s.workflow_step_id, s.state, s.claim_id, s.claimed_by
  FROM tasker.tasker_workflow_steps s
  WHERE s.task_id = ANY (:task_ids::bigint[]) AND ${isOpen('s')}
), cancelled AS (
  UPDATE tasker.tasker_workflow_steps s
  SET state = 'cancelled',
      in_process = false,
      ready_at = NULL,
      next_retry_at = NULL,
      blocked_at = NULL,
      claim_id = NULL,
      claimed_by = NULL,
      sort_key = s.sort_key + 1
  FROM before b
  WHERE s.task_id = b.task_id AND s.workflow_step_id = b.workflow_step_id
  RETURNING s.task_id, s.workflow_step_id, s.sort_key, b.state AS from_state, b.claim_id, b.claimed_by
), ${stepHistory({
    source: 'cancelled',
    from: 'r.from_state',
    to: `'cancelled'`,
    cause: `'cancel'`,
    claimId: 'r.claim_id',
    workerId: 'r.claimed_by',
    metadata: ':metadata',
    mayBeFirst: true,
  })}
SELECT task_id, workflow_step_id FROM cancelled`,
});

/** Moves locked tasks that are in one of the states `from` to the state `to`. */
export const moveTasks = defineStatement<{ task_id: string }>()({
  name: 'move_tasks',
  params: { task_ids: 'bigint[]', from: 'text[]', to: 'text', cause: 'text', metadata: 'jsonb' },
  text: `
WITH before AS MATERIALIZED (
  SELECT t.task_id, t.state FROM tasker.tasker_tasks t WHERE t.task_id = ANY (:task_ids::bigint[]) AND t.state = ANY (:from::text[])
), moved AS (
  UPDATE tasker.tasker_tasks t
  SET state = :to,
      complete = :to IN ${DONE},
      completed_at = CASE WHEN :to IN ('complete', 'resolved_manually', 'cancelled') THEN clock_timestamp() END,
      sort_key = t.sort_key + 1
  FROM before b
  WHERE t.task_id = b.task_id
  RETURNING t.task_id, t.sort_key, b.state AS from_state
), ${taskHistory({
    source: 'moved',
    from: 'r.from_state',
    to: ':to',
    cause: ':cause',
    metadata: ':metadata',
    mayBeFirst: true,
  })}
SELECT task_id FROM moved`,
});
