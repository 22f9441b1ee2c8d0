import { statement } from '../statement.ts';

/**
 * Statements that give the open tasks of a workflow which the ancestor registered the engine's step ids,
 * task_id * 65536 + ordinal. All in one transaction, after the templates have their ordinals. Ended tasks keep their old
 * ids: nothing of them runs, and their history is what others may refer to. Parameter of each: named task id.
 */

const open = `
SELECT t.task_id FROM tasker.tasker_tasks t
WHERE NOT t.complete AND t.state IN ('pending', 'in_progress', 'error') AND t.named_task_id = $1`;

/** Every step of the open tasks with the id that it has to have. */
const mapping = `
SELECT s.task_id, s.workflow_step_id AS old_id, s.task_id * 65536 + n.ordinal AS new_id
FROM (${open}) o
JOIN tasker.tasker_workflow_steps s ON s.task_id = o.task_id
JOIN tasker.tasker_named_tasks_named_steps n ON n.named_task_id = $1 AND n.named_step_id = s.named_step_id`;

/** Whoever moves a step writes its history too, so with the steps locked (by key, as everywhere) nothing else changes. */
export const lockInheritedSteps = statement(
  'lock_inherited_steps',
  `
SELECT FROM tasker.tasker_workflow_steps s
WHERE s.task_id IN (${open})
ORDER BY s.task_id, s.workflow_step_id
FOR UPDATE`,
);

/** An open task whose steps or edges are not those of the templates; at most one row. */
export const findForeignEdges = statement<{ task_id: string }>(
  'find_foreign_edges',
  `
WITH step AS MATERIALIZED (${mapping})
SELECT o.task_id
FROM (${open}) o
WHERE (SELECT count(*) FROM tasker.tasker_workflow_steps s WHERE s.task_id = o.task_id)
    <> (SELECT count(*) FROM tasker.tasker_named_tasks_named_steps n WHERE n.named_task_id = $1)
  OR (
    SELECT coalesce(array_agg((p.new_id & 65535) * 65536 + (c.new_id & 65535) ORDER BY p.new_id, c.new_id), '{}')
    FROM tasker.tasker_workflow_step_edges e
    JOIN step p ON p.task_id = e.task_id AND p.old_id = e.from_step_id
    JOIN step c ON c.task_id = e.task_id AND c.old_id = e.to_step_id
    WHERE e.task_id = o.task_id
  ) <> (
    SELECT coalesce(array_agg(x.parent::bigint * 65536 + n.ordinal ORDER BY x.parent, n.ordinal), '{}')
    FROM tasker.tasker_named_tasks_named_steps n
    CROSS JOIN LATERAL unnest(n.parents) AS x (parent)
    WHERE n.named_task_id = $1
  )
LIMIT 1`,
);

/** The ancestor's transitions have no cause; a constraint refuses to write such a row again. */
export const renumberTransitions = statement(
  'renumber_transitions',
  `
UPDATE tasker.tasker_workflow_step_transitions x
SET workflow_step_id = m.new_id, cause = coalesce(x.cause, 'inherited')
FROM (${mapping}) m
WHERE x.task_id = m.task_id AND x.workflow_step_id = m.old_id AND m.old_id <> m.new_id`,
);

export const renumberEdges = statement(
  'renumber_edges',
  `
WITH step AS MATERIALIZED (${mapping})
UPDATE tasker.tasker_workflow_step_edges e
SET from_step_id = p.new_id, to_step_id = c.new_id
FROM step p, step c
WHERE p.task_id = e.task_id AND p.old_id = e.from_step_id AND c.task_id = e.task_id AND c.old_id = e.to_step_id
  AND (p.old_id <> p.new_id OR c.old_id <> c.new_id)`,
);

/** The last of the three: the others find the old ids here. Queue and priority are the templates' from now on. */
export const renumberSteps = statement(
  'renumber_steps',
  `
UPDATE tasker.tasker_workflow_steps s
SET workflow_step_id = m.new_id,
    children = ARRAY(SELECT s.task_id * 65536 + x.ordinal FROM unnest(n.children) AS x (ordinal)),
    queue = n.queue,
    priority = n.priority
FROM (${mapping}) m
JOIN tasker.tasker_workflow_steps b ON b.task_id = m.task_id AND b.workflow_step_id = m.old_id
JOIN tasker.tasker_named_tasks_named_steps n ON n.named_task_id = $1 AND n.named_step_id = b.named_step_id
WHERE s.task_id = m.task_id AND s.workflow_step_id = m.old_id`,
);
