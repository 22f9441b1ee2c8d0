-- Version 2: the columns of version 1, one task at a time: a filter on task_id reads only that task's steps and edges. The
-- recursion carries (step, depth) pairs and not paths, and a shortest way never has more edges than the task has steps: so
-- it ends on any graph, and a chain of any length has its depths.
SELECT
  step.workflow_step_id,
  t.task_id,
  step.named_step_id,
  step.parent_step_ids,
  step.child_step_ids,
  jsonb_array_length(step.parent_step_ids) AS parent_count,
  jsonb_array_length(step.child_step_ids) AS child_count,
  jsonb_array_length(step.parent_step_ids) = 0 AS is_root_step,
  jsonb_array_length(step.child_step_ids) = 0 AS is_leaf_step,
  step.min_depth_from_root
FROM tasker.tasker_tasks t
CROSS JOIN LATERAL (
  WITH RECURSIVE reached (step_id, depth) AS (
    SELECT s.workflow_step_id, 0
    FROM tasker.tasker_workflow_steps s
    WHERE s.task_id = t.task_id
      AND NOT EXISTS (
        SELECT FROM tasker.tasker_workflow_step_edges e WHERE e.task_id = s.task_id AND e.to_step_id = s.workflow_step_id)
    UNION
    SELECT e.to_step_id, reached.depth + 1
    FROM reached
    JOIN tasker.tasker_workflow_step_edges e ON e.task_id = t.task_id AND e.from_step_id = reached.step_id
    WHERE reached.depth < (SELECT count(*) FROM tasker.tasker_workflow_steps s WHERE s.task_id = t.task_id)
  ), depths AS (
    SELECT reached.step_id, min(reached.depth) AS min_depth_from_root
    FROM reached
    GROUP BY reached.step_id
  )
  SELECT
    s.workflow_step_id,
    s.named_step_id,
    depths.min_depth_from_root,
    (
      SELECT COALESCE(jsonb_agg(e.from_step_id ORDER BY e.from_step_id), '[]'::jsonb)
      FROM tasker.tasker_workflow_step_edges e
      WHERE e.task_id = s.task_id AND e.to_step_id = s.workflow_step_id
    ) AS parent_step_ids,
    (
      SELECT COALESCE(jsonb_agg(e.to_step_id ORDER BY e.to_step_id), '[]'::jsonb)
      FROM tasker.tasker_workflow_step_edges e
      WHERE e.task_id = s.task_id AND e.from_step_id = s.workflow_step_id
    ) AS child_step_ids
  FROM tasker.tasker_workflow_steps s
  LEFT JOIN depths ON depths.step_id = s.workflow_step_id
  WHERE s.task_id = t.task_id
) step
