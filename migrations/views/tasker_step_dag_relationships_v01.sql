-- Version 1, that of Tasker (Ruby): depth is found by walking every path from every root of every task, so the cost grows with the
-- number of paths in the whole table, and a filter on task_id does not reach the recursion. Paths longer than 50 edges are
-- cut off: a step that has no shorter one has no depth.
SELECT
  ws.workflow_step_id,
  ws.task_id,
  ws.named_step_id,
  COALESCE(parents.ids, '[]'::jsonb) AS parent_step_ids,
  COALESCE(children.ids, '[]'::jsonb) AS child_step_ids,
  COALESCE(parents.steps, 0) AS parent_count,
  COALESCE(children.steps, 0) AS child_count,
  COALESCE(parents.steps, 0) = 0 AS is_root_step,
  COALESCE(children.steps, 0) = 0 AS is_leaf_step,
  depths.min_depth_from_root
FROM tasker.tasker_workflow_steps ws
LEFT JOIN (
  SELECT e.to_step_id, jsonb_agg(e.from_step_id ORDER BY e.from_step_id) AS ids, count(*)::integer AS steps
  FROM tasker.tasker_workflow_step_edges e
  GROUP BY e.to_step_id
) parents ON parents.to_step_id = ws.workflow_step_id
LEFT JOIN (
  SELECT e.from_step_id, jsonb_agg(e.to_step_id ORDER BY e.to_step_id) AS ids, count(*)::integer AS steps
  FROM tasker.tasker_workflow_step_edges e
  GROUP BY e.from_step_id
) children ON children.from_step_id = ws.workflow_step_id
LEFT JOIN (
  WITH RECURSIVE path (step_id, depth) AS (
    SELECT s.workflow_step_id, 0
    FROM tasker.tasker_workflow_steps s
    WHERE NOT EXISTS (SELECT FROM tasker.tasker_workflow_step_edges e WHERE e.to_step_id = s.workflow_step_id)
    UNION ALL
    SELECT e.to_step_id, path.depth + 1
    FROM path
    JOIN tasker.tasker_workflow_step_edges e ON e.from_step_id = path.step_id
    WHERE path.depth < 50
  )
  SELECT path.step_id, min(path.depth) AS min_depth_from_root
  FROM path
  GROUP BY path.step_id
) depths ON depths.step_id = ws.workflow_step_id
