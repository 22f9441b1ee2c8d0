import { defineStatement } from '../statement.ts';
import { someOpenTaskIds } from './open-tasks.ts';
import { isLive } from '../statements/rules/live-process.ts';

/**
 * Steps of each kind (blocked, waiting for a retry, running, ready) whose tasks are counted. Those of steps that were blocked over months lie far apart: each of them may
 * be a read from the disk.
 */
const MOST_STEPS = 1000;

/** A version of a workflow, with its open tasks and the workers that serve it. */
export interface WorkflowRow {
  namespace: string;
  workflow: string;
  version: string;
  /** False: Tasker (Ruby) registered it, or tasks of another graph were set aside under it, and no worker has served it yet. */
  registered: boolean;
  pending_tasks: number;
  tasks_in_progress: number;
  tasks_in_error: number;
  /** All open tasks are counted. False: there are more open steps than are read for it, and the three numbers are the least that there are. */
  complete: boolean;
  /** Ids of the live workers that serve it. */
  workers: string[];
  /** The messages of live workers that refuse it, each message once. */
  problems: string[];
}

/** Every workflow version of a fleet. */
export interface WorkflowList {
  workflows: WorkflowRow[];
  /** When it was read; of a replica, up to when it has everything. */
  asOf: Date;
}

/** Every workflow version with its open tasks and the workers that serve it. Costs some look-ups for each of up to 4,000 open steps. */
export const listWorkflows = defineStatement<WorkflowRow>()({
  name: 'list_workflows',
  text: `
WITH live AS (
  SELECT w.* FROM tasker.tasker_worker_workflows w
  JOIN tasker.tasker_workers k ON k.worker_id = w.worker_id
  WHERE ${isLive('k')}
), steps AS MATERIALIZED (${someOpenTaskIds(MOST_STEPS)}
), open AS (
  SELECT t.named_task_id,
    count(*) FILTER (WHERE t.state = 'pending')::integer AS pending,
    count(*) FILTER (WHERE t.state = 'in_progress')::integer AS in_progress,
    count(*) FILTER (WHERE t.state = 'error')::integer AS error
  FROM (SELECT DISTINCT i.task_id FROM steps i) o
  CROSS JOIN LATERAL (SELECT * FROM tasker.tasker_tasks t WHERE t.task_id = o.task_id OFFSET 0) t
  WHERE t.state IN ('pending', 'in_progress', 'error')
  GROUP BY t.named_task_id
), known AS (
  SELECT n.name AS namespace, k.name AS workflow, k.version, k.named_task_id, k.definition_hash IS NOT NULL AS registered
  FROM tasker.tasker_named_tasks k
  JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
)
SELECT coalesce(k.namespace, l.namespace) AS namespace, coalesce(k.workflow, l.name) AS workflow,
  coalesce(k.version, l.version) AS version, coalesce(k.registered, false) AS registered,
  coalesce(o.pending, 0) AS pending_tasks, coalesce(o.in_progress, 0) AS tasks_in_progress, coalesce(o.error, 0) AS tasks_in_error,
  NOT EXISTS (SELECT FROM steps i GROUP BY i.kind HAVING count(*) >= ${MOST_STEPS}) AS complete,
  coalesce(l.workers, '{}') AS workers, coalesce(l.problems, '{}') AS problems
FROM known k
FULL JOIN (
  SELECT l.namespace, l.name, l.version,
    array_agg(l.worker_id::text ORDER BY l.worker_id) FILTER (WHERE l.problem IS NULL) AS workers,
    array_agg(DISTINCT l.problem) FILTER (WHERE l.problem IS NOT NULL) AS problems
  FROM live l
  GROUP BY l.namespace, l.name, l.version
) l ON l.namespace = k.namespace AND l.name = k.workflow AND l.version = k.version
LEFT JOIN open o ON o.named_task_id = k.named_task_id
ORDER BY 1, 2, 3`,
});

/** The versions of workflows with these names, in one of these namespaces; what is null is not compared. */
export const findVersions = defineStatement<{ named_task_id: number }>()({
  name: 'find_versions',
  params: { namespace: 'text | null', namespaces: 'text[] | null', name: 'text | null', version: 'text | null' },
  text: `
SELECT k.named_task_id
FROM tasker.tasker_named_tasks k
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
WHERE (:namespace::text IS NULL OR n.name = :namespace::text)
  AND (:namespaces::text[] IS NULL OR n.name = ANY (:namespaces::text[]))
  AND (:name::text IS NULL OR k.name = :name::text)
  AND (:version::text IS NULL OR k.version = :version::text)
ORDER BY k.named_task_id`,
});

/** What the database has of a version of a workflow. `served`: a live worker has handlers for it. */
export interface StoredDefinitionRow {
  named_task_id: number;
  version: string;
  description: string | null;
  /** Null: Tasker (Ruby) registered it, and nothing of it is known but its steps. */
  configuration: Record<string, unknown> | null;
  registered: boolean;
  /** JSON text of its JSON Schema; null: none is stored. */
  input_schema: string | null;
  served: boolean;
}

/** The names of the workflows of a namespace: for what is misspelt. */
export const findWorkflowNames = defineStatement<{ name: string }>()({
  name: 'find_workflow_names',
  params: { namespace: 'text' },
  text: `
SELECT DISTINCT k.name
FROM tasker.tasker_named_tasks k
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
WHERE n.name = :namespace
ORDER BY k.name`,
});

/** The versions of one workflow as they are stored, for whoever has no code of it. */
export const findStoredDefinitions = defineStatement<StoredDefinitionRow>()({
  name: 'find_stored_definitions',
  params: { namespace: 'text', name: 'text' },
  text: `
SELECT k.named_task_id, k.version, k.description, k.configuration, k.definition_hash IS NOT NULL AS registered,
  k.input_schema::text AS input_schema,
  EXISTS (
    SELECT FROM tasker.tasker_worker_workflows w
    JOIN tasker.tasker_workers p ON p.worker_id = w.worker_id
    WHERE w.namespace = n.name AND w.name = k.name AND w.version = k.version AND w.problem IS NULL
      AND ${isLive('p')}
  ) AS served
FROM tasker.tasker_named_tasks k
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
WHERE n.name = :namespace AND k.name = :name
ORDER BY k.named_task_id`,
});
