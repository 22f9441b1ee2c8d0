import { statement } from '../../statement.ts';
import { stepHistory, taskHistory } from '../rules/history.ts';

/** Locks every open step of the tasks by key, before the task rows. Parameter: task ids. */
export const lockOpenSteps = statement<{ task_id: string; workflow_step_id: string }>(
  'lock_open_steps',
  `
SELECT s.task_id, s.workflow_step_id
FROM tasker.tasker_workflow_steps s
WHERE s.task_id = ANY ($1::bigint[]) AND s.state IN ('pending', 'in_progress', 'error')
ORDER BY s.task_id, s.workflow_step_id
FOR NO KEY UPDATE`,
);

/**
 * Cancels the open steps of tasks whose rows and steps are locked. Parameters: task ids, metadata (who and why).
 * A step that is running loses its claim: its worker's completion will be refused.
 */
export const cancelOpenSteps = statement<{ task_id: string; workflow_step_id: string }>(
  'cancel_open_steps',
  `
WITH before AS MATERIALIZED (
  SELECT s.task_id, s.workflow_step_id, s.state, s.claim_id, s.claimed_by
  FROM tasker.tasker_workflow_steps s
  WHERE s.task_id = ANY ($1::bigint[]) AND s.state IN ('pending', 'in_progress', 'error')
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
    metadata: '$2',
    mayBeFirst: true,
  })}
SELECT task_id, workflow_step_id FROM cancelled`,
);

/** Moves locked tasks to a new state. Parameters: task ids, states they may leave, new state, cause, metadata. */
export const moveTasks = statement<{ task_id: string }>(
  'move_tasks',
  `
WITH before AS MATERIALIZED (
  SELECT t.task_id, t.state FROM tasker.tasker_tasks t WHERE t.task_id = ANY ($1::bigint[]) AND t.state = ANY ($2::text[])
), moved AS (
  UPDATE tasker.tasker_tasks t
  SET state = $3,
      complete = $3 IN ('complete', 'resolved_manually'),
      completed_at = CASE WHEN $3 IN ('complete', 'resolved_manually', 'cancelled') THEN clock_timestamp() END,
      sort_key = t.sort_key + 1
  FROM before b
  WHERE t.task_id = b.task_id
  RETURNING t.task_id, t.sort_key, b.state AS from_state
), ${taskHistory({
    source: 'moved',
    from: 'r.from_state',
    to: '$3',
    cause: '$4',
    metadata: '$5',
    mayBeFirst: true,
  })}
SELECT task_id FROM moved`,
);
