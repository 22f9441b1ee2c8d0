import { statement } from '../../statement.ts';

/** Held to the end of the transaction: two workers that start together register the same rows one after the other. */
export const lockRegistry = statement('lock_registry', `SELECT pg_advisory_xact_lock(hashtext('tasker.registry'))`);

/** Parameters: namespace, name, version. */
export const findNamedTask = statement<{
  named_task_id: number;
  definition_hash: string | null;
  configuration: unknown;
}>(
  'find_named_task',
  `
SELECT t.named_task_id, t.definition_hash, t.configuration
FROM tasker.tasker_named_tasks t
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = t.task_namespace_id
WHERE n.name = $1 AND t.name = $2 AND t.version = $3`,
);

/** Parameters: namespace, name, version, description, configuration, definition hash, number of sinks. */
export const upsertNamedTask = statement<{ named_task_id: number }>(
  'upsert_named_task',
  `
WITH namespace AS (
  INSERT INTO tasker.tasker_task_namespaces (name) VALUES ($1)
  ON CONFLICT (name) DO UPDATE SET name = EXCLUDED.name
  RETURNING task_namespace_id
)
INSERT INTO tasker.tasker_named_tasks (task_namespace_id, name, version, description, configuration, definition_hash, sinks)
SELECT task_namespace_id, $2, $3, $4, $5::jsonb, $6, $7 FROM namespace
ON CONFLICT (task_namespace_id, name, version) DO UPDATE
SET description = EXCLUDED.description,
    configuration = EXCLUDED.configuration,
    definition_hash = EXCLUDED.definition_hash,
    sinks = EXCLUDED.sinks
RETURNING named_task_id`,
);

/** Parameter: step names. Names are shared by all workflows. */
export const insertNamedSteps = statement(
  'insert_named_steps',
  `INSERT INTO tasker.tasker_named_steps (name) SELECT DISTINCT unnest($1::text[]) ON CONFLICT (name) DO NOTHING`,
);

/** Parameters: named task id; a JSON array of { name, ordinal, parents, children, queue, priority, retryable, retry_limit, skippable }. */
export const upsertStepTemplates = statement(
  'upsert_step_templates',
  `
INSERT INTO tasker.tasker_named_tasks_named_steps
  (named_task_id, named_step_id, ordinal, parents, children, queue, priority, default_retryable, default_retry_limit, skippable)
SELECT $1, n.named_step_id, t.ordinal, t.parents, t.children, t.queue, t.priority, t.retryable, t.retry_limit, t.skippable
FROM jsonb_to_recordset($2::jsonb) AS t (name text, ordinal integer, parents integer[], children integer[], queue text,
  priority smallint, retryable boolean, retry_limit integer, skippable boolean)
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
);

/** The steps registered under a named task, in order. Parameter: named task id. */
export const findStepTemplates = statement<{ name: string; ordinal: number; parents: number[] }>(
  'find_step_templates',
  `
SELECT n.name, t.ordinal, t.parents
FROM tasker.tasker_named_tasks_named_steps t
JOIN tasker.tasker_named_steps n ON n.named_step_id = t.named_step_id
WHERE t.named_task_id = $1
ORDER BY t.ordinal`,
);

/** Forgets steps that the ancestor associated with a workflow and the definition does not have. Parameters: named task id, names. */
export const deleteOtherTemplates = statement(
  'delete_other_templates',
  `
DELETE FROM tasker.tasker_named_tasks_named_steps t
USING tasker.tasker_named_steps n
WHERE n.named_step_id = t.named_step_id AND t.named_task_id = $1 AND n.name <> ALL ($2::text[])`,
);

/** The queues in which a new task of this kind starts. Parameter: named task id. */
export const findRootQueues = statement<{ queue: string }>(
  'find_root_queues',
  `SELECT DISTINCT queue FROM tasker.tasker_named_tasks_named_steps WHERE named_task_id = $1 AND parents = '{}'`,
);
