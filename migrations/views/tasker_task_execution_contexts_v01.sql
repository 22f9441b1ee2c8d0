-- Version 1: counts over the readiness view of the same version. Only `complete` counts as completed, and any step in error
-- counts as blocking, even one that merely waits for its backoff: the rules of Tasker (Ruby).
SELECT
  t.task_id,
  t.named_task_id,
  COALESCE(state.to_state, 'pending') AS status,
  counts.total_steps,
  counts.pending_steps,
  counts.in_progress_steps,
  counts.completed_steps,
  counts.failed_steps,
  counts.ready_steps,
  CASE
    WHEN counts.ready_steps > 0 THEN 'has_ready_steps'
    WHEN counts.in_progress_steps > 0 THEN 'processing'
    WHEN counts.failed_steps > 0 THEN 'blocked_by_failures'
    WHEN counts.completed_steps = counts.total_steps THEN 'all_complete'
    ELSE 'waiting_for_dependencies'
  END AS execution_status,
  CASE
    WHEN counts.ready_steps > 0 THEN 'execute_ready_steps'
    WHEN counts.in_progress_steps > 0 THEN 'wait_for_completion'
    WHEN counts.failed_steps > 0 THEN 'handle_failures'
    WHEN counts.completed_steps = counts.total_steps THEN 'finalize_task'
    ELSE 'wait_for_dependencies'
  END AS recommended_action,
  round(100.0 * counts.completed_steps / counts.total_steps, 2) AS completion_percentage,
  CASE
    WHEN counts.failed_steps = 0 THEN 'healthy'
    WHEN counts.ready_steps > 0 THEN 'recovering'
    ELSE 'blocked'
  END AS health_status
FROM tasker.tasker_tasks t
JOIN (
  SELECT r.task_id,
    count(*)::integer AS total_steps,
    count(*) FILTER (WHERE r.current_state = 'pending')::integer AS pending_steps,
    count(*) FILTER (WHERE r.current_state = 'in_progress')::integer AS in_progress_steps,
    count(*) FILTER (WHERE r.current_state = 'complete')::integer AS completed_steps,
    count(*) FILTER (WHERE r.current_state = 'error')::integer AS failed_steps,
    count(*) FILTER (WHERE r.ready_for_execution)::integer AS ready_steps
  FROM tasker.tasker_step_readiness_statuses r
  GROUP BY r.task_id
) counts ON counts.task_id = t.task_id
LEFT JOIN (
  SELECT DISTINCT ON (task_id) task_id, to_state
  FROM tasker.tasker_task_transitions
  ORDER BY task_id, created_at DESC, sort_key DESC
) state ON state.task_id = t.task_id
