import { defineStatement } from '../../statement.ts';

/**
 * Makes ready steps that have waited for a while as urgent as the most urgent ready step of their queue, the longest waiting first.
 * Up to `limit` steps that have waited for `after_seconds`. Returns the number of promoted steps, by queue.
 *
 * Visits each pair of queue and priority that has ready steps once: each is one descent of index steps_ready (queue, priority,
 * ready_at, ...), so the cost follows the number of priorities in use, not the backlog. Rows that another session holds are
 * skipped, so it never waits. `ready_at` stays: among steps of the new priority those that waited longest go first.
 */
export const promoteSteps = defineStatement<{ queue: string; promoted: number }>()({
  name: 'promote_steps',
  params: { after_seconds: 'float8', limit: 'integer' },
  text: `
WITH RECURSIVE level AS (
  (
    SELECT s.queue, s.priority, s.priority AS most_urgent
    FROM tasker.tasker_workflow_steps s
    WHERE s.ready_at IS NOT NULL
    ORDER BY s.queue, s.priority
    LIMIT 1
  )
  UNION ALL
  SELECT n.queue, n.priority, CASE WHEN n.queue = l.queue THEN l.most_urgent ELSE n.priority END
  FROM level l
  CROSS JOIN LATERAL (
    SELECT s.queue, s.priority
    FROM tasker.tasker_workflow_steps s
    WHERE s.ready_at IS NOT NULL AND (s.queue, s.priority) > (l.queue, l.priority)
    ORDER BY s.queue, s.priority
    LIMIT 1
  ) n
), waiting AS MATERIALIZED (
  SELECT w.task_id, w.workflow_step_id, l.most_urgent
  FROM level l
  CROSS JOIN LATERAL (
    SELECT s.task_id, s.workflow_step_id
    FROM tasker.tasker_workflow_steps s
    WHERE s.ready_at < statement_timestamp() - make_interval(secs => :after_seconds)
      AND s.queue = l.queue
      AND s.priority = l.priority
    ORDER BY s.ready_at
    LIMIT :limit
    FOR NO KEY UPDATE SKIP LOCKED
  ) w
  WHERE l.priority > l.most_urgent
  LIMIT :limit
), promoted AS (
  UPDATE tasker.tasker_workflow_steps s
  SET priority = w.most_urgent
  FROM waiting w
  WHERE s.task_id = w.task_id AND s.workflow_step_id = w.workflow_step_id AND s.ready_at IS NOT NULL
  RETURNING s.queue
)
SELECT queue, count(*)::integer AS promoted FROM promoted GROUP BY queue`,
});
