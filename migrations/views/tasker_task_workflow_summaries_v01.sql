-- Version 1. As in Tasker (Ruby), steps in error are never listed as blocked: it compares with a state that nothing writes.
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
    jsonb_agg(r.workflow_step_id ORDER BY r.workflow_step_id) FILTER (WHERE NOT r.ready_for_execution AND r.current_state IN ('pending', 'failed')) AS blocked_step_ids,
    jsonb_agg(
      CASE
        WHEN NOT r.dependencies_satisfied THEN 'dependencies_not_satisfied'
        WHEN NOT r.retry_eligible THEN 'retry_not_eligible'
        WHEN r.current_state NOT IN ('pending', 'error') THEN 'invalid_state'
        ELSE 'unknown'
      END ORDER BY r.workflow_step_id) FILTER (WHERE NOT r.ready_for_execution AND r.current_state IN ('pending', 'failed')) AS blocking_reasons,
    jsonb_agg(r.workflow_step_id ORDER BY r.workflow_step_id) FILTER (WHERE r.ready_for_execution) AS next_executable_step_ids
  FROM tasker.tasker_step_readiness_statuses r
  WHERE r.task_id = c.task_id
) steps
