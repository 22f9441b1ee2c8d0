import { defineStatement } from '../../statement.ts';

/** Held to the end of the transaction: two workers that start together register the same rows one after the other. */
export const lockRegistry = defineStatement()({
  name: 'lock_registry',
  text: `SELECT pg_advisory_xact_lock(hashtext('tasker.registry'))`,
});

export const findNamedTask = defineStatement<{
  named_task_id: number;
  definition_hash: string | null;
  configuration: unknown;
  /** JSON text. */
  input_schema: string | null;
}>()({
  name: 'find_named_task',
  params: { namespace: 'text', name: 'text', version: 'text' },
  text: `
SELECT t.named_task_id, t.definition_hash, t.configuration, t.input_schema::text AS input_schema
FROM tasker.tasker_named_tasks t
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = t.task_namespace_id
WHERE n.name = :namespace AND t.name = :name AND t.version = :version`,
});

/** The columns of a workflow version, for whatever writes all of it. */
const NAMED_TASK = {
  namespace: 'text',
  name: 'text',
  version: 'text',
  description: 'text | null',
  configuration: 'jsonb',
  definition_hash: 'text',
  sinks: 'integer',
  input_schema: 'text | null',
} as const;

/** SQL: the steps of a version, of the parameter `steps`: a JSON array of { name, ordinal, parents, children, queue, priority, retryable, retry_limit, skippable }. */
const TEMPLATES = `jsonb_to_recordset(:steps::jsonb) AS t (name text, ordinal integer, parents integer[], children integer[], queue text,
  priority smallint, retryable boolean, retry_limit integer, skippable boolean)`;

/** SQL: the begin of a statement that writes such steps `t`. */
const insertTemplates = (
  namedTaskId: string,
  namedStepId: string,
): string => `INSERT INTO tasker.tasker_named_tasks_named_steps
  (named_task_id, named_step_id, ordinal, parents, children, queue, priority, default_retryable, default_retry_limit, skippable)
SELECT ${namedTaskId}, ${namedStepId}, t.ordinal, t.parents, t.children, t.queue, t.priority, t.retryable, t.retry_limit, t.skippable`;

/**
 * Writes a workflow version that nobody has registered, with its steps, in one round trip: what lockRegistry and the statements below do one by one.
 * No row, and nothing is written but the namespace, if it exists by now. Names of steps that exist are written again, as only a row that this statement
 * writes is sure to be seen by it; in order, so that two of these wait for each other and never in a circle.
 */
export const registerNewWorkflow = defineStatement<{ named_task_id: number }>()({
  name: 'register_new_workflow',
  params: { ...NAMED_TASK, steps: 'jsonb' },
  text: `
WITH locked AS MATERIALIZED (
  SELECT pg_advisory_xact_lock(hashtext('tasker.registry'))
), namespace AS (
  INSERT INTO tasker.tasker_task_namespaces (name) SELECT :namespace FROM locked
  ON CONFLICT (name) DO UPDATE SET name = EXCLUDED.name
  RETURNING task_namespace_id
), task AS (
  INSERT INTO tasker.tasker_named_tasks (task_namespace_id, name, version, description, configuration, definition_hash, sinks, input_schema)
  SELECT task_namespace_id, :name, :version, :description, :configuration::jsonb, :definition_hash, :sinks, :input_schema::json FROM namespace
  ON CONFLICT (task_namespace_id, name, version) DO NOTHING
  RETURNING named_task_id
), template AS MATERIALIZED (
  SELECT task.named_task_id, t.*
  FROM task, ${TEMPLATES}
), step AS (
  INSERT INTO tasker.tasker_named_steps (name) SELECT name FROM template ORDER BY name
  ON CONFLICT (name) DO UPDATE SET name = EXCLUDED.name
  RETURNING named_step_id, name
), written AS (
  ${insertTemplates('t.named_task_id', 'step.named_step_id')}
  FROM template t JOIN step ON step.name = t.name
)
SELECT named_task_id FROM task`,
});

/** Writes a workflow version, and its namespace if that is new. `sinks`: the number of its sinks. `input_schema`: JSON text. */
export const upsertNamedTask = defineStatement<{ named_task_id: number }>()({
  name: 'upsert_named_task',
  params: NAMED_TASK,
  text: `
WITH namespace AS (
  INSERT INTO tasker.tasker_task_namespaces (name) VALUES (:namespace)
  ON CONFLICT (name) DO UPDATE SET name = EXCLUDED.name
  RETURNING task_namespace_id
)
INSERT INTO tasker.tasker_named_tasks (task_namespace_id, name, version, description, configuration, definition_hash, sinks, input_schema)
SELECT task_namespace_id, :name, :version, :description, :configuration::jsonb, :definition_hash, :sinks, :input_schema::json FROM namespace
ON CONFLICT (task_namespace_id, name, version) DO UPDATE
SET description = EXCLUDED.description,
    configuration = EXCLUDED.configuration,
    definition_hash = EXCLUDED.definition_hash,
    sinks = EXCLUDED.sinks,
    input_schema = EXCLUDED.input_schema
RETURNING named_task_id`,
});

/** The schema of the input may change under the same version, as handlers do: it is code, and no part of the hash. */
export const updateInputSchema = defineStatement()({
  name: 'update_input_schema',
  params: { named_task_id: 'integer', input_schema: 'text | null' },
  text: `UPDATE tasker.tasker_named_tasks SET input_schema = :input_schema::json WHERE named_task_id = :named_task_id`,
});

/** Adds the names that are new. Names are shared by all workflows. */
export const insertNamedSteps = defineStatement()({
  name: 'insert_named_steps',
  params: { names: 'text[]' },
  text: `INSERT INTO tasker.tasker_named_steps (name) SELECT DISTINCT unnest(:names::text[]) ON CONFLICT (name) DO NOTHING`,
});

/**
 * Takes the order from the steps of a workflow that nobody has registered: it gets that of a definition, and no two of its steps may
 * have one place, not even between two rows of one statement.
 */
export const clearOrdinals = defineStatement()({
  name: 'clear_ordinals',
  params: { named_task_id: 'integer' },
  text: `UPDATE tasker.tasker_named_tasks_named_steps SET ordinal = 0 WHERE named_task_id = :named_task_id AND ordinal > 0`,
});

/** `steps`: as for registerNewWorkflow. */
export const upsertStepTemplates = defineStatement()({
  name: 'upsert_step_templates',
  params: { named_task_id: 'integer', steps: 'jsonb' },
  text: `
${insertTemplates(':named_task_id', 'n.named_step_id')}
FROM ${TEMPLATES}
JOIN tasker.tasker_named_steps n ON n.name = t.name
ON CONFLICT (named_task_id, named_step_id) DO UPDATE
SET ordinal = EXCLUDED.ordinal,
    parents = EXCLUDED.parents,
    children = EXCLUDED.children,
    queue = EXCLUDED.queue,
    priority = EXCLUDED.priority,
    default_retryable = EXCLUDED.default_retryable,
    default_retry_limit = EXCLUDED.default_retry_limit,
    skippable = EXCLUDED.skippable`,
});

/** The steps registered under a named task, in order. */
export const findStepTemplates = defineStatement<{ name: string; ordinal: number; parents: number[] }>()({
  name: 'find_step_templates',
  params: { named_task_id: 'integer' },
  text: `
SELECT n.name, t.ordinal, t.parents
FROM tasker.tasker_named_tasks_named_steps t
JOIN tasker.tasker_named_steps n ON n.named_step_id = t.named_step_id
WHERE t.named_task_id = :named_task_id
ORDER BY t.ordinal`,
});

/** Deletes step templates that Tasker (Ruby) gave a workflow and that the definition does not have. */
export const deleteOtherTemplates = defineStatement()({
  name: 'delete_other_templates',
  params: { named_task_id: 'integer', names: 'text[]' },
  text: `
DELETE FROM tasker.tasker_named_tasks_named_steps t
USING tasker.tasker_named_steps n
WHERE n.named_step_id = t.named_step_id AND t.named_task_id = :named_task_id AND n.name <> ALL (:names::text[])`,
});

/** Gives a workflow another version. No other version of the workflow has that one. */
export const renameVersion = defineStatement()({
  name: 'rename_version',
  params: { named_task_id: 'integer', version: 'text' },
  text: `UPDATE tasker.tasker_named_tasks SET version = :version WHERE named_task_id = :named_task_id`,
});

/** The queues of the root steps: those in which a new task starts. */
export const findRootQueues = defineStatement<{ queue: string }>()({
  name: 'find_root_queues',
  params: { named_task_id: 'integer' },
  text: `SELECT DISTINCT queue FROM tasker.tasker_named_tasks_named_steps WHERE named_task_id = :named_task_id AND parents = '{}'`,
});
