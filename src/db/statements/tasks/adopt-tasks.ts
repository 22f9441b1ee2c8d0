import { statement } from '../../statement.ts';

/**
 * Statements that give the open tasks of a workflow which the ancestor registered the engine's step ids,
 * task_id * 65536 + ordinal. All in one transaction, after the templates have their ordinals. Ended tasks keep their old
 * ids: nothing of them runs, and their history is what others may refer to. Tasks of another graph than the templates are set
 * aside first, under a version of their own. Parameters: named task id; of the statements that renumber, also task ids.
 */

/** Step ids are task_id * 65536 + ordinal in 63 bits: a task with a higher id than this cannot have them. */
const HIGHEST_TASK_ID = 2n ** 47n - 1n;

const open = `
SELECT t.task_id FROM tasker.tasker_tasks t
WHERE NOT t.complete AND t.state IN ('pending', 'in_progress', 'error') AND t.named_task_id = $1`;

/** Every step of the tasks `of` with the id that it has to have by the templates of named task $1. */
const mapping = (of: string): string => `
SELECT s.task_id, s.workflow_step_id AS old_id, s.task_id * 65536 + n.ordinal AS new_id
FROM (${of}) o
JOIN tasker.tasker_workflow_steps s ON s.task_id = o.task_id
JOIN tasker.tasker_named_tasks_named_steps n ON n.named_task_id = $1 AND n.named_step_id = s.named_step_id
WHERE o.task_id <= ${HIGHEST_TASK_ID}`;
const adopted = mapping('SELECT unnest($2::bigint[]) AS task_id');

/** Whoever moves a step writes its history too, so with the steps locked (by key, as everywhere) nothing else changes. */
export const lockInheritedSteps = statement(
  'lock_inherited_steps',
  `
SELECT FROM tasker.tasker_workflow_steps s
WHERE s.task_id IN (${open})
ORDER BY s.task_id, s.workflow_step_id
FOR UPDATE`,
);

/**
 * A digest of a graph, equal for equal graphs wherever they stand: the names of its steps, each with the names of its parents. `steps`: a
 * table as `s`; `parents`: tables, one of them as `ps`, that hold the parents.
 */
const graphDigest = (graph: { steps: string; ofGraph: string; parents: string; ofStep: string }): string => `md5((
  SELECT string_agg(n.name || '<' || coalesce(p.names, ''), '|' ORDER BY n.name)
  FROM ${graph.steps}
  JOIN tasker.tasker_named_steps n ON n.named_step_id = s.named_step_id
  CROSS JOIN LATERAL (
    SELECT string_agg(pn.name, ',' ORDER BY pn.name) AS names
    FROM ${graph.parents}
    JOIN tasker.tasker_named_steps pn ON pn.named_step_id = ps.named_step_id
    WHERE ${graph.ofStep}
  ) p
  WHERE ${graph.ofGraph}))`;

/**
 * Open tasks whose steps or edges are not those of the templates, with a digest that is equal for tasks of one graph (null: the
 * task's id is too high for step ids). A task without steps is none of them: nothing of it can be claimed.
 */
export const findForeignTasks = statement<{ task_id: string; shape: string | null }>(
  'find_foreign_tasks',
  `
WITH step AS MATERIALIZED (${mapping(open)})
SELECT o.task_id, CASE WHEN o.task_id <= ${HIGHEST_TASK_ID} THEN ${graphDigest({
    steps: 'tasker.tasker_workflow_steps s',
    ofGraph: 's.task_id = o.task_id',
    parents: `tasker.tasker_workflow_step_edges e
    JOIN tasker.tasker_workflow_steps ps ON ps.task_id = e.task_id AND ps.workflow_step_id = e.from_step_id`,
    ofStep: 'e.task_id = s.task_id AND e.to_step_id = s.workflow_step_id',
  })} END AS shape
FROM (${open}) o
CROSS JOIN LATERAL (SELECT count(*) AS own FROM tasker.tasker_workflow_steps s WHERE s.task_id = o.task_id) c
WHERE c.own > 0 AND (
  o.task_id > ${HIGHEST_TASK_ID}
  OR c.own <> (SELECT count(*) FROM tasker.tasker_named_tasks_named_steps n WHERE n.named_task_id = $1)
  OR c.own <> (SELECT count(*) FROM step m WHERE m.task_id = o.task_id)
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
)
ORDER BY o.task_id`,
);

/** The open tasks of a named task. */
export const findOpenTasks = statement<{ task_id: string }>('find_open_tasks', `${open}\nORDER BY t.task_id`);

/** Every version of the workflow that this named task is a version of, with the digest of its graph; null if it has no order. */
export const findVersions = statement<{ named_task_id: number; version: string; shape: string | null }>(
  'find_versions',
  `
SELECT o.named_task_id, o.version, ${graphDigest({
    steps: 'tasker.tasker_named_tasks_named_steps s',
    ofGraph: 's.named_task_id = o.named_task_id AND s.ordinal > 0',
    parents: 'tasker.tasker_named_tasks_named_steps ps',
    ofStep: 'ps.named_task_id = s.named_task_id AND ps.ordinal = ANY (s.parents)',
  })} AS shape
FROM tasker.tasker_named_tasks k
JOIN tasker.tasker_named_tasks o ON o.task_namespace_id = k.task_namespace_id AND o.name = k.name
WHERE k.named_task_id = $1`,
);

/**
 * A version of the same workflow for tasks of another graph, with the names of their steps and no order, as the ancestor
 * registers: a worker that exports a definition with this version and their graph adopts them. Parameters: named task id, the
 * version, task ids. Returns the id of the new named task.
 */
export const insertVersionOfTasks = statement<{ named_task_id: number }>(
  'insert_version_of_tasks',
  `
WITH version AS (
  INSERT INTO tasker.tasker_named_tasks (task_namespace_id, name, version, description)
  SELECT k.task_namespace_id, k.name, $2, format('tasks of version %s with another graph', k.version)
  FROM tasker.tasker_named_tasks k
  WHERE k.named_task_id = $1
  RETURNING named_task_id
), names AS (
  INSERT INTO tasker.tasker_named_tasks_named_steps (named_task_id, named_step_id)
  SELECT DISTINCT v.named_task_id, s.named_step_id
  FROM version v
  CROSS JOIN tasker.tasker_workflow_steps s
  WHERE s.task_id = ANY ($3::bigint[])
)
SELECT named_task_id FROM version`,
);

/** Parameters: named task id, task ids. The steps are locked; nothing of the tasks runs, since no worker serves the workflow yet. */
export const moveTasksToVersion = statement(
  'move_tasks_to_version',
  `
WITH steps AS (
  UPDATE tasker.tasker_workflow_steps SET named_task_id = $1 WHERE task_id = ANY ($2::bigint[])
)
UPDATE tasker.tasker_tasks SET named_task_id = $1 WHERE task_id = ANY ($2::bigint[])`,
);

/** The ancestor's transitions have no cause; a constraint refuses to write such a row again. */
export const renumberTransitions = statement(
  'renumber_transitions',
  `
UPDATE tasker.tasker_workflow_step_transitions x
SET workflow_step_id = m.new_id, cause = coalesce(x.cause, 'inherited')
FROM (${adopted}) m
WHERE x.task_id = m.task_id AND x.workflow_step_id = m.old_id AND m.old_id <> m.new_id`,
);

export const renumberEdges = statement(
  'renumber_edges',
  `
WITH step AS MATERIALIZED (${adopted})
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
FROM (${adopted}) m
JOIN tasker.tasker_workflow_steps b ON b.task_id = m.task_id AND b.workflow_step_id = m.old_id
JOIN tasker.tasker_named_tasks_named_steps n ON n.named_task_id = $1 AND n.named_step_id = b.named_step_id
WHERE s.task_id = m.task_id AND s.workflow_step_id = m.old_id`,
);
