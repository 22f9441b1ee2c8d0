-- Version 2: a step in error that is not ready is listed as blocked, with its reason. Instead of the `unknown` of version 1 there are
-- two more: retry_due (its backoff is over, a scheduler has yet to put it back) and task_stopped (the task has ended).
SELECT
  c.task_id,
  c.named_task_id,
  c.status,
  c.total_steps,
  c.pending_steps,
  c.in_progress_steps,
  c.completed_steps,
  c.failed_steps,
  c.ready_steps,
  c.execution_status,
  c.recommended_action,
  c.completion_percentage,
  c.health_status,
  steps.root_step_ids,
  jsonb_array_length(steps.root_step_ids) AS root_step_count,
  steps.blocked_step_ids,
  steps.blocking_reasons,
  steps.next_executable_step_ids,
  CASE
    WHEN c.ready_steps > 5 THEN 'batch_parallel'
    WHEN c.ready_steps > 1 THEN 'small_parallel'
    WHEN c.ready_steps = 1 THEN 'sequential'
    ELSE 'waiting'
  END AS processing_strategy
FROM tasker.tasker_task_execution_contexts c
CROSS JOIN LATERAL (
  SELECT
    COALESCE(jsonb_agg(r.workflow_step_id ORDER BY r.workflow_step_id) FILTER (WHERE r.total_parents = 0), '[]'::jsonb) AS root_step_ids,
    jsonb_agg(r.workflow_step_id ORDER BY r.workflow_step_id) FILTER (WHERE NOT r.ready_for_execution AND r.current_state IN ('pending', 'error')) AS blocked_step_ids,
    jsonb_agg(
      CASE
        WHEN NOT r.dependencies_satisfied THEN 'dependencies_not_satisfied'
        WHEN NOT r.retry_eligible THEN 'retry_not_eligible'
        WHEN r.current_state = 'error' THEN 'retry_due'
        ELSE 'task_stopped'
      END ORDER BY r.workflow_step_id) FILTER (WHERE NOT r.ready_for_execution AND r.current_state IN ('pending', 'error')) AS blocking_reasons,
    jsonb_agg(r.workflow_step_id ORDER BY r.workflow_step_id) FILTER (WHERE r.ready_for_execution) AS next_executable_step_ids
  FROM tasker.tasker_step_readiness_statuses r
  WHERE r.task_id = c.task_id
) steps
