import { defineStatement } from '../../statement.ts';
import { stepHistory } from '../rules/history.ts';
import { hashOfRerun } from '../rules/identity.ts';

/** What a rerun takes over of a task, as JSON texts. `reruns`: how many of it there have been. */
export const findRerun = defineStatement<{
  named_task_id: number;
  namespace: string;
  workflow: string;
  version: string;
  identity_hash: string;
  context: string;
  priority: number;
  tags: string[] | null;
  bypass_steps: string[] | null;
  reruns: number;
}>()({
  name: 'find_rerun',
  params: { task_id: 'bigint' },
  text: `
SELECT t.named_task_id, n.name AS namespace, k.name AS workflow, k.version, t.identity_hash, t.context::text AS context, t.priority, t.tags, t.bypass_steps, (
    WITH RECURSIVE rerun (ordinal) AS (
      SELECT 0
      UNION ALL
      SELECT r.ordinal + 1 FROM rerun r
      WHERE EXISTS (SELECT FROM tasker.tasker_tasks o WHERE o.identity_hash = ${hashOfRerun('t.identity_hash', 'r.ordinal + 1')})
    )
    SELECT max(r.ordinal) FROM rerun r
  ) AS reruns
FROM tasker.tasker_tasks t
JOIN tasker.tasker_named_tasks k ON k.named_task_id = t.named_task_id
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
WHERE t.task_id = :task_id`,
});

/**
 * Declares steps of a new task done with the results that these steps have in another task of the same workflow: all of them have no parent
 * that is not among them. The new task is of this transaction, so that nothing else has seen it. `children`: of each, for `unlockChildren`.
 */
export const takeOverSteps = defineStatement<{ children: string[] }>()({
  name: 'take_over_steps',
  params: { task_id: 'bigint', from_task_id: 'bigint', step_names: 'text[]', metadata: 'jsonb' },
  text: `
WITH taken AS (
  UPDATE tasker.tasker_workflow_steps s
  SET state = 'resolved_manually',
      processed = true,
      processed_at = clock_timestamp(),
      results = o.results,
      ready_at = NULL,
      unmet_parents = 0,
      sort_key = s.sort_key + 1
  FROM tasker.tasker_workflow_steps o
  JOIN tasker.tasker_named_steps n ON n.named_step_id = o.named_step_id
  WHERE o.task_id = :from_task_id AND n.name = ANY (:step_names::text[])
    AND s.task_id = :task_id AND s.named_step_id = o.named_step_id
  RETURNING s.task_id, s.workflow_step_id, s.children, s.sort_key
), ${stepHistory({
    source: 'taken',
    from: `'pending'`,
    to: `'resolved_manually'`,
    cause: `'operator_resolve'`,
    metadata: ':metadata',
    mayBeFirst: true,
  })}
SELECT ARRAY(
    SELECT c.child_id::text
    FROM unnest(t.children) AS c (child_id)
    WHERE NOT EXISTS (SELECT FROM taken x WHERE x.workflow_step_id = c.child_id)
  ) AS children
FROM taken t`,
});
