-- Version 3: every fact a claim needs sits on the step row, so the view is a plain projection of one table.
-- No join, GROUP BY or DISTINCT: the view can be locked (SELECT ... FROM view FOR UPDATE SKIP LOCKED locks step rows
-- only), and `WHERE ready_for_execution AND queue = $1 ORDER BY priority, ready_at, workflow_step_id` runs off steps_ready.
-- The scalar subqueries are evaluated only if their column is selected. No volatile function either: one in the select
-- list would keep the planner from merging the view into the query, and a claim would then lock every ready step.
SELECT
  s.workflow_step_id,
  s.task_id,
  s.named_step_id,
  (SELECT n.name FROM tasker.tasker_named_steps n WHERE n.named_step_id = s.named_step_id) AS name,
  s.state AS current_state,
  s.unmet_parents = 0 AS dependencies_satisfied,
  s.attempts < s.retry_limit AND (s.attempts = 0 OR s.retryable) AND s.blocked_at IS NULL
    AND (s.next_retry_at IS NULL OR s.next_retry_at <= statement_timestamp()) AS retry_eligible,
  s.ready_at IS NOT NULL AS ready_for_execution,
  (
    SELECT max(t.created_at)
    FROM tasker.tasker_workflow_step_transitions t
    WHERE t.task_id = s.task_id AND t.workflow_step_id = s.workflow_step_id AND t.to_state = 'error'
  ) AS last_failure_at,
  s.next_retry_at,
  s.total_parents,
  s.total_parents - s.unmet_parents AS completed_parents,
  s.attempts,
  s.retry_limit,
  s.backoff_request_seconds,
  s.last_attempted_at,
  s.named_task_id,
  s.queue,
  s.priority,
  s.ready_at
FROM tasker.tasker_workflow_steps s
