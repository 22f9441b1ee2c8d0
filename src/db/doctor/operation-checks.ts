import type { Check } from './check.ts';

/** Numbers of an operation that its items do not have, with those that they have. */
export const MISCOUNTED = `
SELECT o.operation_id, c.total, c.done, c.refused, c.failed, c.settled, c.came_back
FROM tasker.tasker_operations o
CROSS JOIN LATERAL (
  SELECT count(*)::integer AS total,
    (count(*) FILTER (WHERE i.state = 'done'))::integer AS done,
    (count(*) FILTER (WHERE i.state = 'refused'))::integer AS refused,
    (count(*) FILTER (WHERE i.state = 'failed'))::integer AS failed,
    (count(*) FILTER (WHERE i.settled IS NOT NULL))::integer AS settled,
    (count(*) FILTER (WHERE i.settled = 'came_back'))::integer AS came_back
  FROM tasker.tasker_operation_items i
  WHERE i.operation_id = o.operation_id
) c
WHERE (o.total, o.done, o.refused, o.failed, o.settled, o.came_back) IS DISTINCT FROM
  (c.total, c.done, c.refused, c.failed, c.settled, c.came_back)`;

/** Items that have ended, and of which the audit knows nothing. */
export const UNAUDITED = `
SELECT i.operation_id, i.task_id
FROM tasker.tasker_operation_items i
JOIN tasker.tasker_operations o ON o.operation_id = i.operation_id
WHERE i.state <> 'waiting' AND NOT EXISTS (
  SELECT FROM tasker.tasker_audit a
  WHERE (a.subject = 'task' AND a.subject_id = i.task_id::text
      OR a.subject = 'step' AND a.subject_id = i.task_id || '/' || (o.options ->> 'step'))
    AND a.details ->> 'operation' = i.operation_id::text)`;

/** Invariants of bulk operations. */
export const operationChecks: Check[] = [
  {
    id: 'operation_counts_agree',
    title: 'the numbers of a bulk operation are those of its items',
    why: 'Its progress and its automatic stop are computed from these numbers.',
    sql: MISCOUNTED,
  },
  {
    id: 'operation_done_means_no_item_waits',
    title: 'no item of an operation that is done waits',
    why: 'The operation ended while tasks were left that it should have acted on. Report this: it is a bug.',
    sql: `SELECT i.operation_id, i.task_id FROM tasker.tasker_operation_items i
      JOIN tasker.tasker_operations o ON o.operation_id = i.operation_id
      WHERE o.state = 'done' AND i.state = 'waiting'`,
  },
  {
    id: 'operation_items_have_operation',
    title: 'items of bulk operations have their operation',
    why: 'An operation was removed in part. Nobody acts on what is left.',
    sql: `SELECT i.operation_id, i.task_id FROM tasker.tasker_operation_items i
      WHERE NOT EXISTS (SELECT FROM tasker.tasker_operations o WHERE o.operation_id = i.operation_id)`,
  },
  {
    id: 'operation_items_audited',
    title: 'the audit has a row for each task that a bulk operation acted on',
    why: 'The act and its row in the audit are of one transaction, so a row was removed by hand, and the chain of the audit is broken there.',
    sql: UNAUDITED,
  },
];
