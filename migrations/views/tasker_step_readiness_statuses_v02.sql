-- Version 2, the "after" of Tasker (Ruby): states come from the partial index on most_recent instead of a sort.
-- The newest failure is still one of any age: a step that was put back to pending waits out its backoff all the same.
SELECT
  ws.workflow_step_id,
  ws.task_id,
  ws.named_step_id,
  ns.name,
  COALESCE(current_state.to_state, 'pending') AS current_state,
  COALESCE(dep.total_parents, 0) = COALESCE(dep.completed_parents, 0) AS dependencies_satisfied,
  CASE
    WHEN ws.attempts >= COALESCE(ws.retry_limit, 3) THEN false
    WHEN ws.attempts > 0 AND NOT ws.retryable THEN false
    WHEN last_failure.created_at IS NULL THEN true
    WHEN ws.backoff_request_seconds IS NOT NULL AND ws.last_attempted_at IS NOT NULL THEN
      ws.last_attempted_at + make_interval(secs => ws.backoff_request_seconds) <= now()
    ELSE last_failure.created_at + make_interval(secs => LEAST(power(2, ws.attempts), 30)) <= now()
  END AS retry_eligible,
  COALESCE(current_state.to_state, 'pending') IN ('pending', 'error')
    AND COALESCE(dep.total_parents, 0) = COALESCE(dep.completed_parents, 0)
    AND ws.attempts < COALESCE(ws.retry_limit, 3)
    AND NOT ws.in_process
    AND NOT ws.processed
    AND CASE
      WHEN ws.backoff_request_seconds IS NOT NULL THEN
        COALESCE(ws.last_attempted_at + make_interval(secs => ws.backoff_request_seconds) <= now(), false)
      WHEN last_failure.created_at IS NULL THEN true
      ELSE last_failure.created_at + make_interval(secs => LEAST(power(2, ws.attempts), 30)) <= now()
    END AS ready_for_execution,
  last_failure.created_at AS last_failure_at,
  CASE
    WHEN ws.backoff_request_seconds IS NOT NULL AND ws.last_attempted_at IS NOT NULL THEN
      ws.last_attempted_at + make_interval(secs => ws.backoff_request_seconds)
    WHEN last_failure.created_at IS NOT NULL THEN
      last_failure.created_at + make_interval(secs => LEAST(power(2, ws.attempts), 30))
  END AS next_retry_at,
  COALESCE(dep.total_parents, 0) AS total_parents,
  COALESCE(dep.completed_parents, 0) AS completed_parents,
  ws.attempts,
  COALESCE(ws.retry_limit, 3) AS retry_limit,
  ws.backoff_request_seconds,
  ws.last_attempted_at
FROM tasker.tasker_workflow_steps ws
JOIN tasker.tasker_named_steps ns ON ns.named_step_id = ws.named_step_id
LEFT JOIN tasker.tasker_workflow_step_transitions current_state
  ON current_state.workflow_step_id = ws.workflow_step_id AND current_state.most_recent
LEFT JOIN (
  SELECT e.to_step_id,
    count(*)::integer AS total_parents,
    count(*) FILTER (WHERE parent_state.to_state IN ('complete', 'resolved_manually'))::integer AS completed_parents
  FROM tasker.tasker_workflow_step_edges e
  LEFT JOIN tasker.tasker_workflow_step_transitions parent_state
    ON parent_state.workflow_step_id = e.from_step_id AND parent_state.most_recent
  GROUP BY e.to_step_id
) dep ON dep.to_step_id = ws.workflow_step_id
LEFT JOIN (
  SELECT DISTINCT ON (workflow_step_id) workflow_step_id, created_at
  FROM tasker.tasker_workflow_step_transitions
  WHERE to_state = 'error'
  ORDER BY workflow_step_id, created_at DESC
) last_failure ON last_failure.workflow_step_id = ws.workflow_step_id
