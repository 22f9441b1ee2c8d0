import { defineStatement } from '../statement.ts';

/** A step template of a workflow version. */
export interface GraphStepRow {
  definition_hash: string;
  name: string;
  queue: string;
  /** Ordinals. */
  parents: number[];
}

/** The graph of a workflow version, in the order of its ordinals. No rows for one that this library has not registered. */
export const findWorkflowGraph = defineStatement<GraphStepRow>()({
  name: 'find_workflow_graph',
  params: { namespace: 'text', name: 'text', version: 'text' },
  text: `
SELECT k.definition_hash, p.name, s.queue, s.parents
FROM tasker.tasker_named_tasks k
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
JOIN tasker.tasker_named_tasks_named_steps s ON s.named_task_id = k.named_task_id
JOIN tasker.tasker_named_steps p ON p.named_step_id = s.named_step_id
WHERE n.name = :namespace AND k.name = :name AND k.version = :version AND k.definition_hash IS NOT NULL AND s.ordinal > 0
ORDER BY s.ordinal`,
});

/** Which definition a workflow version has now; no row: it has none. */
export const findDefinitionHash = defineStatement<{ definition_hash: string }>()({
  name: 'find_definition_hash',
  params: { namespace: 'text', name: 'text', version: 'text' },
  text: `
SELECT k.definition_hash
FROM tasker.tasker_named_tasks k
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
WHERE n.name = :namespace AND k.name = :name AND k.version = :version AND k.definition_hash IS NOT NULL`,
});
