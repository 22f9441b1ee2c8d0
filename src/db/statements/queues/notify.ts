import { defineStatement } from '../../statement.ts';

/** Sends one notification per queue. Never inside a hot transaction: a commit that notifies takes a lock that all others wait for. */
export const notifyQueues = defineStatement()({
  name: 'notify_queues',
  params: { channel: 'text', queues: 'text[]' },
  text: `SELECT pg_notify(:channel, queue) FROM unnest(:queues::text[]) AS q (queue)`,
});

/**
 * Notifies the queues in which these tasks have ready steps, as far as they are committed. Returns those tasks. Reads the steps of each task
 * by the primary key.
 */
export const notifyReadyTasks = defineStatement<{ task_id: string }>()({
  name: 'notify_ready_tasks',
  params: { channel: 'text', task_ids: 'bigint[]' },
  text: `
SELECT r.task_id, pg_notify(:channel, r.queue)
FROM (
  SELECT DISTINCT s.task_id, s.queue
  FROM tasker.tasker_workflow_steps s
  WHERE s.task_id = ANY (:task_ids::bigint[]) AND s.ready_at IS NOT NULL
) r`,
});
