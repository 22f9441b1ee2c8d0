-- Version 3: counts from the states mirrored on the step rows, LATERAL for each task, so that one task or a page of them reads
-- only its own steps (primary key). What differs from the rules of Tasker (Ruby): resolved_manually counts as completed; a blocked
-- step outranks ready work; a step that waits for its backoff is not blocked; cancelled steps do not keep a task open.
SELECT
  t.task_id,
  t.named_task_id,
  t.state AS status,
  c.total_steps,
  c.pending_steps,
  c.in_progress_steps,
  c.completed_steps,
  c.failed_steps,
  c.ready_steps,
  CASE
    WHEN c.blocked_steps > 0 THEN 'blocked_by_failures'
    WHEN c.ready_steps > 0 THEN 'has_ready_steps'
    WHEN c.in_progress_steps > 0 THEN 'processing'
    WHEN c.total_steps > 0 AND c.completed_steps + c.cancelled_steps = c.total_steps THEN 'all_complete'
    ELSE 'waiting_for_dependencies'
  END AS execution_status,
  CASE
    WHEN c.blocked_steps > 0 THEN 'handle_failures'
    WHEN c.ready_steps > 0 THEN 'execute_ready_steps'
    WHEN c.in_progress_steps > 0 THEN 'wait_for_completion'
    WHEN c.total_steps > 0 AND c.completed_steps + c.cancelled_steps = c.total_steps THEN 'finalize_task'
    ELSE 'wait_for_dependencies'
  END AS recommended_action,
  CASE WHEN c.total_steps = 0 THEN 0.0 ELSE round(100.0 * c.completed_steps / c.total_steps, 2) END AS completion_percentage,
  CASE
    WHEN c.blocked_steps > 0 THEN 'blocked'
    WHEN c.failed_steps > 0 THEN 'recovering'
    ELSE 'healthy'
  END AS health_status,
  c.blocked_steps,
  c.cancelled_steps,
  c.next_retry_at
FROM tasker.tasker_tasks t
CROSS JOIN LATERAL (
  SELECT
    count(*)::integer AS total_steps,
    count(*) FILTER (WHERE s.state = 'pending')::integer AS pending_steps,
    count(*) FILTER (WHERE s.state = 'in_progress')::integer AS in_progress_steps,
    count(*) FILTER (WHERE s.state IN ('complete', 'resolved_manually'))::integer AS completed_steps,
    count(*) FILTER (WHERE s.state = 'error')::integer AS failed_steps,
    count(*) FILTER (WHERE s.state = 'cancelled')::integer AS cancelled_steps,
    count(*) FILTER (WHERE s.ready_at IS NOT NULL)::integer AS ready_steps,
    count(*) FILTER (WHERE s.blocked_at IS NOT NULL)::integer AS blocked_steps,
    min(s.next_retry_at) AS next_retry_at
  FROM tasker.tasker_workflow_steps s
  WHERE s.task_id = t.task_id
) c
