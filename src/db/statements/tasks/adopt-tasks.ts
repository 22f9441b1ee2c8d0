import { HIGHEST_TASK_ID, STEP_ID_FACTOR } from '../../../workflow/step-id.ts';
import { defineStatement } from '../../statement.ts';
import { withCtes } from '../ctes.ts';
import { distrusted } from '../directory/enter-stretch.ts';
import { isDone, isNotDone, isOpen } from '../rules/open-states.ts';
import { ordinalOf, stepId } from '../rules/step-id.ts';
import { sameTask } from '../rules/same-task.ts';

/**
 * Statements that give the open tasks of a workflow which Tasker (Ruby) registered the engine's step ids. All in one transaction,
 * after the templates have their ordinals. Ended tasks keep their old ids: nothing of them runs, and their history is what others may
 * refer to. Tasks of another graph than the templates are set aside first, under a version of their own. `named_task_id`: of the
 * workflow.
 */

const OPEN_TASKS = `
SELECT t.task_id FROM tasker.tasker_tasks t
WHERE NOT t.complete AND ${isOpen('t')} AND t.named_task_id = :named_task_id`;

/** Every step of the tasks `of` with the id that it has to have by the templates of the named task. */
const newIdsOf = (of: string): string => `
SELECT s.task_id, s.workflow_step_id AS old_id, CASE WHEN s.task_id <= ${HIGHEST_TASK_ID} THEN ${stepId('s.task_id', 'n.ordinal')} END AS new_id
FROM (${of}) o
JOIN tasker.tasker_workflow_steps s ON s.task_id = o.task_id
JOIN tasker.tasker_named_tasks_named_steps n ON n.named_task_id = :named_task_id AND n.named_step_id = s.named_step_id
WHERE o.task_id <= ${HIGHEST_TASK_ID}`;

const NEW_IDS = newIdsOf('SELECT unnest(:task_ids::bigint[]) AS task_id');

/** Every change of a step writes its history too, so with the steps locked (by key, as everywhere) nothing else changes. */
export const lockInheritedSteps = defineStatement()({
  name: 'lock_inherited_steps',
  params: { named_task_id: 'integer' },
  text: `
SELECT FROM tasker.tasker_workflow_steps s
WHERE s.task_id IN (${OPEN_TASKS})
ORDER BY s.task_id, s.workflow_step_id
FOR UPDATE`,
});

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

/** An edge as one number, so that a list of edges can be compared. */
const edge = (parent: string, child: string): string => `${parent} * ${STEP_ID_FACTOR} + ${child}`;

/** The open tasks with their graph by the templates. */
const STEP = `step AS MATERIALIZED (${newIdsOf(OPEN_TASKS)})`;

/** The edges that a task has, by the ordinals of the templates. */
const EDGES_OF_TASK = `
    SELECT coalesce(array_agg(${edge(`(${ordinalOf('p.new_id')})`, `(${ordinalOf('c.new_id')})`)} ORDER BY p.new_id, c.new_id), '{}')
    FROM tasker.tasker_workflow_step_edges e
    JOIN step p ON p.task_id = e.task_id AND p.old_id = e.from_step_id
    JOIN step c ON c.task_id = e.task_id AND c.old_id = e.to_step_id
    WHERE e.task_id = o.task_id
  `;

/** The edges that a task of the templates has. */
const EDGES_OF_TEMPLATES = `
    SELECT coalesce(array_agg(${edge('x.parent::bigint', 'n.ordinal')} ORDER BY x.parent, n.ordinal), '{}')
    FROM tasker.tasker_named_tasks_named_steps n
    CROSS JOIN LATERAL unnest(n.parents) AS x (parent)
    WHERE n.named_task_id = :named_task_id
  `;

/**
 * Open tasks whose steps or edges are not those of the templates, with a digest that is equal for tasks of one graph (null: the
 * task's id is too high for step ids). A task without steps is none of them: nothing of it can be claimed.
 */
export const findForeignTasks = defineStatement<{ task_id: string; shape: string | null }>()({
  name: 'find_foreign_tasks',
  params: { named_task_id: 'integer' },
  text: withCtes(
    [STEP],
    `SELECT o.task_id, CASE WHEN o.task_id <= ${HIGHEST_TASK_ID} THEN ${graphDigest({
      steps: 'tasker.tasker_workflow_steps s',
      ofGraph: 's.task_id = o.task_id',
      parents: `tasker.tasker_workflow_step_edges e
    JOIN tasker.tasker_workflow_steps ps ON ps.task_id = e.task_id AND ps.workflow_step_id = e.from_step_id`,
      ofStep: 'e.task_id = s.task_id AND e.to_step_id = s.workflow_step_id',
    })} END AS shape
FROM (${OPEN_TASKS}) o
CROSS JOIN LATERAL (SELECT count(*) AS own FROM tasker.tasker_workflow_steps s WHERE s.task_id = o.task_id) c
WHERE c.own > 0 AND (
  o.task_id > ${HIGHEST_TASK_ID}
  OR c.own <> (SELECT count(*) FROM tasker.tasker_named_tasks_named_steps n WHERE n.named_task_id = :named_task_id)
  OR c.own <> (SELECT count(*) FROM step m WHERE m.task_id = o.task_id)
  OR (${EDGES_OF_TASK}) <> (${EDGES_OF_TEMPLATES})
)
ORDER BY o.task_id`,
  ),
});

/** The open tasks of a named task. */
export const findOpenTasks = defineStatement<{ task_id: string }>()({
  name: 'find_open_tasks',
  params: { named_task_id: 'integer' },
  text: `${OPEN_TASKS}\nORDER BY t.task_id`,
});

/** Every version of the workflow that this named task is a version of, with the digest of its graph; null if it has no order. */
export const findVersions = defineStatement<{ named_task_id: number; version: string; shape: string | null }>()({
  name: 'find_versions',
  params: { named_task_id: 'integer' },
  text: `
SELECT o.named_task_id, o.version, ${graphDigest({
    steps: 'tasker.tasker_named_tasks_named_steps s',
    ofGraph: 's.named_task_id = o.named_task_id AND s.ordinal > 0',
    parents: 'tasker.tasker_named_tasks_named_steps ps',
    ofStep: 'ps.named_task_id = s.named_task_id AND ps.ordinal = ANY (s.parents)',
  })} AS shape
FROM tasker.tasker_named_tasks k
JOIN tasker.tasker_named_tasks o ON o.task_namespace_id = k.task_namespace_id AND o.name = k.name
WHERE k.named_task_id = :named_task_id`,
});

/** A version beside that of the named task, under the name that is given. */
const NEW_VERSION = `version AS (
  INSERT INTO tasker.tasker_named_tasks (task_namespace_id, name, version, description)
  SELECT k.task_namespace_id, k.name, :version, format('tasks of version %s with another graph', k.version)
  FROM tasker.tasker_named_tasks k
  WHERE k.named_task_id = :named_task_id
  RETURNING named_task_id
)`;

/** The names of the steps, without an order. */
const NAMES_OF_STEPS = `names AS (
  INSERT INTO tasker.tasker_named_tasks_named_steps (named_task_id, named_step_id)
  SELECT DISTINCT v.named_task_id, s.named_step_id
  FROM version v
  CROSS JOIN tasker.tasker_workflow_steps s
  WHERE s.task_id = ANY (:task_ids::bigint[])
)`;

/**
 * A version of the same workflow for tasks of another graph, with the names of their steps and no order, as Tasker (Ruby)
 * registers: a worker that exports a definition with this version and their graph adopts them. Returns the id of the new named task.
 */
export const insertVersionOfTasks = defineStatement<{ named_task_id: number }>()({
  name: 'insert_version_of_tasks',
  params: { named_task_id: 'integer', version: 'text', task_ids: 'bigint[]' },
  text: withCtes([NEW_VERSION, NAMES_OF_STEPS], `SELECT named_task_id FROM version`),
});

/** The steps are locked; nothing of the tasks runs, since no worker serves the workflow yet. */
export const moveTasksToVersion = defineStatement()({
  name: 'move_tasks_to_version',
  params: { named_task_id: 'integer', task_ids: 'bigint[]' },
  text: `
WITH steps AS (
  UPDATE tasker.tasker_workflow_steps SET named_task_id = :named_task_id WHERE task_id = ANY (:task_ids::bigint[])
), ${distrusted('SELECT i.task_id FROM unnest(:task_ids::bigint[]) AS i (task_id)')}
UPDATE tasker.tasker_tasks SET named_task_id = :named_task_id WHERE task_id = ANY (:task_ids::bigint[])`,
});

const RENUMBERED = { named_task_id: 'integer', task_ids: 'bigint[]' } as const;

/**
 * Two steps may exchange their ids, and PostgreSQL checks a key row by row. So each statement writes the new ids with a minus sign,
 * and the one after it takes the sign away.
 */
const withoutSign = (name: string, table: string, columns: readonly string[]) =>
  defineStatement()({
    name,
    params: { task_ids: 'bigint[]' },
    text: `
UPDATE tasker.${table}
SET ${columns.map((column) => `${column} = -${column}`).join(', ')}
WHERE task_id = ANY (:task_ids::bigint[]) AND ${columns[0]} < 0`,
  });

export const finishTransitions = withoutSign('finish_transitions', 'tasker_workflow_step_transitions', [
  'workflow_step_id',
]);
export const finishEdges = withoutSign('finish_edges', 'tasker_workflow_step_edges', ['from_step_id', 'to_step_id']);
export const finishSteps = withoutSign('finish_steps', 'tasker_workflow_steps', ['workflow_step_id']);

/** Transitions of Tasker (Ruby) have no cause; a constraint refuses to write such a row again. */
export const renumberTransitions = defineStatement()({
  name: 'renumber_transitions',
  params: RENUMBERED,
  text: `
UPDATE tasker.tasker_workflow_step_transitions x
SET workflow_step_id = -(m.new_id), cause = coalesce(x.cause, 'inherited')
FROM (${NEW_IDS}) m
WHERE ${sameTask('x.task_id', 'm.task_id')} AND x.workflow_step_id = m.old_id AND m.old_id <> m.new_id`,
});

export const renumberEdges = defineStatement()({
  name: 'renumber_edges',
  params: RENUMBERED,
  text: `
WITH step AS MATERIALIZED (${NEW_IDS})
UPDATE tasker.tasker_workflow_step_edges e
SET from_step_id = -(p.new_id), to_step_id = -(c.new_id)
FROM step p, step c
WHERE p.task_id = e.task_id AND p.old_id = e.from_step_id AND c.task_id = e.task_id AND c.old_id = e.to_step_id
  AND (p.old_id <> p.new_id OR c.old_id <> c.new_id)`,
});

/**
 * The last of the three: the others find the old ids here. Queue and priority are the templates' from now on. A step that was done before
 * its parent is none of the parent's children, as the migration left it.
 */
export const renumberSteps = defineStatement()({
  name: 'renumber_steps',
  params: RENUMBERED,
  text: `
UPDATE tasker.tasker_workflow_steps s
SET workflow_step_id = -(m.new_id),
    children = ARRAY(
      SELECT ${stepId('s.task_id', 'x.ordinal')}
      FROM unnest(n.children) AS x (ordinal)
      WHERE NOT (${isNotDone('s')} AND EXISTS (
        SELECT FROM tasker.tasker_workflow_steps c
        JOIN tasker.tasker_named_tasks_named_steps k ON k.named_task_id = n.named_task_id AND k.named_step_id = c.named_step_id
        WHERE c.task_id = s.task_id AND k.ordinal = x.ordinal AND ${isDone('c')}))),
    queue = n.queue,
    priority = n.priority
FROM (${NEW_IDS}) m
JOIN tasker.tasker_workflow_steps b ON b.task_id = m.task_id AND b.workflow_step_id = m.old_id
JOIN tasker.tasker_named_tasks_named_steps n ON n.named_task_id = :named_task_id AND n.named_step_id = b.named_step_id
WHERE s.task_id = m.task_id AND s.workflow_step_id = m.old_id`,
});
