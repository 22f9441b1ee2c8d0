import { defineStatement } from '../../statement.ts';
import { stepHistory } from '../rules/history.ts';

/**
 * Moves up to `limit` steps whose backoff has expired from `error` back to `pending`, the longest overdue first. Reads index
 * steps_retry_due; rows that another scheduler holds are skipped, so any number of schedulers may run it.
 * statement_timestamp() and not clock_timestamp(): a volatile function could not be an index condition. And a time that was
 * written after this statement began is not due for it, so it never gets a row whose last transition it cannot see.
 */
export const enqueueDueSteps = defineStatement<{ queue: string; enqueued: number }>()({
  name: 'requeue_due',
  params: { limit: 'integer' },
  text: `
WITH due AS MATERIALIZED (
  SELECT s.task_id, s.workflow_step_id
  FROM tasker.tasker_workflow_steps s
  WHERE s.next_retry_at <= statement_timestamp()
  ORDER BY s.next_retry_at
  LIMIT :limit
  FOR NO KEY UPDATE SKIP LOCKED
), enqueued AS (
  UPDATE tasker.tasker_workflow_steps s
  SET state = 'pending', next_retry_at = NULL, ready_at = clock_timestamp(), sort_key = s.sort_key + 1
  FROM due d
  WHERE s.task_id = d.task_id AND s.workflow_step_id = d.workflow_step_id
  RETURNING s.task_id, s.workflow_step_id, s.queue, s.sort_key
), ${stepHistory({ source: 'enqueued', from: `'error'`, to: `'pending'`, cause: `'retry_due'` })}
SELECT queue, count(*)::integer AS enqueued FROM enqueued GROUP BY queue`,
});
