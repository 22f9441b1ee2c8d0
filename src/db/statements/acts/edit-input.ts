import { defineStatement } from '../../statement.ts';

/** The workflow of a task and the JSON Schema of its input: what an edited input must be like. JSON text; null: none is stored. */
export const findInputSchema = defineStatement<{
  namespace: string;
  name: string;
  version: string;
  input_schema: string | null;
}>()({
  name: 'find_input_schema',
  params: { task_id: 'bigint' },
  text: `
SELECT n.name AS namespace, k.name, k.version, k.input_schema::text AS input_schema
FROM tasker.tasker_tasks t
JOIN tasker.tasker_named_tasks k ON k.named_task_id = t.named_task_id
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
WHERE t.task_id = :task_id`,
});

/** Replaces the input of a task that is locked; returns both as the database writes them. The identity stays that of the first input. */
export const editTaskInput = defineStatement<{ before: string; after: string }>()({
  name: 'edit_task_input',
  params: { task_id: 'bigint', input: 'jsonb' },
  text: `
WITH old AS MATERIALIZED (
  SELECT t.task_id, t.context FROM tasker.tasker_tasks t WHERE t.task_id = :task_id
), edited AS (
  UPDATE tasker.tasker_tasks t
  SET context = :input::jsonb
  FROM old o
  WHERE t.task_id = o.task_id
)
SELECT o.context::text AS before, (:input::jsonb)::text AS after FROM old o`,
});

/** Gives a step in error, which is locked, an input of its own; before, that was the one it had, or its task's. */
export const editStepInput = defineStatement<{ before: string; after: string }>()({
  name: 'edit_step_input',
  params: { task_id: 'bigint', step_name: 'text', input: 'jsonb' },
  text: `
WITH old AS MATERIALIZED (
  SELECT s.task_id, s.workflow_step_id, coalesce(s.inputs, t.context) AS input
  FROM tasker.tasker_workflow_steps s
  JOIN tasker.tasker_named_steps n ON n.named_step_id = s.named_step_id
  JOIN tasker.tasker_tasks t ON t.task_id = s.task_id
  WHERE s.task_id = :task_id AND s.state = 'error' AND n.name = :step_name
), edited AS (
  UPDATE tasker.tasker_workflow_steps s
  SET inputs = :input::jsonb
  FROM old o
  WHERE s.task_id = o.task_id AND s.workflow_step_id = o.workflow_step_id
)
SELECT o.input::text AS before, (:input::jsonb)::text AS after FROM old o`,
});
