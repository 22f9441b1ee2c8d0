-- Parents, children and the shortest distance from a root, for every step. LATERAL throughout, so that a filter on task_id
-- reads only that task's edges; the recursion carries (step, depth) pairs and not paths, so it ends on any graph.
SELECT
  s.workflow_step_id,
  s.task_id,
  s.named_step_id,
  parents.ids AS parent_step_ids,
  children.ids AS child_step_ids,
  jsonb_array_length(parents.ids) AS parent_count,
  jsonb_array_length(children.ids) AS child_count,
  jsonb_array_length(parents.ids) = 0 AS is_root_step,
  jsonb_array_length(children.ids) = 0 AS is_leaf_step,
  depth.min_depth_from_root
FROM tasker.tasker_workflow_steps s
CROSS JOIN LATERAL (
  SELECT COALESCE(jsonb_agg(e.from_step_id ORDER BY e.from_step_id), '[]'::jsonb) AS ids
  FROM tasker.tasker_workflow_step_edges e
  WHERE e.task_id = s.task_id AND e.to_step_id = s.workflow_step_id
) parents
CROSS JOIN LATERAL (
  SELECT COALESCE(jsonb_agg(e.to_step_id ORDER BY e.to_step_id), '[]'::jsonb) AS ids
  FROM tasker.tasker_workflow_step_edges e
  WHERE e.task_id = s.task_id AND e.from_step_id = s.workflow_step_id
) children
CROSS JOIN LATERAL (
  WITH RECURSIVE up (step_id, distance) AS (
    SELECT s.workflow_step_id, 0
    UNION
    SELECT e.from_step_id, up.distance + 1
    FROM up
    JOIN tasker.tasker_workflow_step_edges e ON e.task_id = s.task_id AND e.to_step_id = up.step_id
    WHERE up.distance < 50
  )
  SELECT min(up.distance) AS min_depth_from_root
  FROM up
  WHERE NOT EXISTS (
    SELECT FROM tasker.tasker_workflow_step_edges e WHERE e.task_id = s.task_id AND e.to_step_id = up.step_id)
) depth
