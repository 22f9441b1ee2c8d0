import type { Json } from '../../workflow/json.ts';
import { defineStatement } from '../statement.ts';
import { isLive } from '../statements/rules/live-process.ts';

export interface WorkflowDetailsRow {
  namespace: string;
  workflow: string;
  version: string;
  description: string | null;
  /** Everything but the handlers, as it was registered; Tasker (Ruby) wrote another form. */
  configuration: { identity?: string; steps?: Record<string, Json>[] };
  input_schema: Json;
  registered: boolean;
  workers: string[];
  problems: string[];
}

/** The versions of a workflow, with the live workers that serve each. */
export const findWorkflowDetails = defineStatement<WorkflowDetailsRow>()({
  name: 'find_workflow_details',
  params: { namespace: 'text | null', name: 'text' },
  text: `
SELECT n.name AS namespace, k.name AS workflow, k.version, k.description, k.configuration, k.input_schema,
  k.definition_hash IS NOT NULL AS registered, coalesce(l.workers, '{}') AS workers, coalesce(l.problems, '{}') AS problems
FROM tasker.tasker_named_tasks k
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
CROSS JOIN LATERAL (
  SELECT array_agg(s.worker_id::text ORDER BY s.worker_id) FILTER (WHERE s.problem IS NULL) AS workers,
    array_agg(DISTINCT s.problem) FILTER (WHERE s.problem IS NOT NULL) AS problems
  FROM tasker.tasker_worker_workflows s
  JOIN tasker.tasker_workers w ON w.worker_id = s.worker_id
  WHERE s.namespace = n.name AND s.name = k.name AND s.version = k.version
    AND ${isLive('w')}
) l
WHERE k.name = :name AND (:namespace::text IS NULL OR n.name = :namespace::text)
ORDER BY n.name, k.version`,
});
