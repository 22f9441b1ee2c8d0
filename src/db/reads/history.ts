import { defineStatement } from '../statement.ts';

export interface HistoryRow {
  /** Null: a transition of the task itself. */
  step: string | null;
  from_state: string | null;
  to_state: string;
  cause: string | null;
  error: { name?: string; message?: string } | null;
  created_at: Date;
}

/** Every transition of one task and of its steps, in order of time. Reads by primary key. */
export const findTaskHistory = defineStatement<HistoryRow>()({
  name: 'find_task_history',
  params: { task_id: 'bigint' },
  text: `
SELECT h.step, h.from_state, h.to_state, h.cause, h.metadata -> 'error' AS error, h.created_at
FROM (
  SELECT NULL AS step, 0::bigint AS workflow_step_id, t.sort_key, t.from_state, t.to_state, t.cause, t.metadata, t.created_at
  FROM tasker.tasker_task_transitions t
  WHERE t.task_id = :task_id
  UNION ALL
  SELECT n.name, t.workflow_step_id, t.sort_key, t.from_state, t.to_state, t.cause, t.metadata, t.created_at
  FROM tasker.tasker_workflow_step_transitions t
  JOIN tasker.tasker_workflow_steps s ON s.task_id = t.task_id AND s.workflow_step_id = t.workflow_step_id
  JOIN tasker.tasker_named_steps n ON n.named_step_id = s.named_step_id
  WHERE t.task_id = :task_id
) h
ORDER BY h.created_at, h.workflow_step_id, h.sort_key`,
});
