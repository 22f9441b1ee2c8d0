/**
 * Queues that have ready steps: their names, one look-up in steps_ready for each, from the end: claims take steps from the front of a queue, and
 * the entries of what they took remain there until a vacuum. CTEs for a statement that begins with WITH RECURSIVE; the row that ends the walk has no name.
 */
export const READY_QUEUES = `queues AS (
  (SELECT s.queue FROM tasker.tasker_workflow_steps s WHERE s.ready_at IS NOT NULL ORDER BY s.queue DESC LIMIT 1)
  UNION ALL
  SELECT (
    SELECT s.queue FROM tasker.tasker_workflow_steps s WHERE s.ready_at IS NOT NULL AND s.queue < q.queue ORDER BY s.queue DESC LIMIT 1
  )
  FROM queues q
  WHERE q.queue IS NOT NULL
)`;
