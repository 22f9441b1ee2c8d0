import { defineStatement } from '../../statement.ts';
import { withCtes } from '../ctes.ts';

/** A version of a workflow with the templates of its steps. */
export interface VersionRow {
  named_task_id: number;
  version: string;
  /** Null if no worker or client has registered it: its ordinals may still change. */
  definition_hash: string | null;
  steps: {
    name: string;
    named_step_id: number;
    ordinal: number;
    parents: number[];
    queue: string;
    priority: number;
  }[];
}

/** Every version of a workflow that has the order of its steps. */
export const findVersionsWithSteps = defineStatement<VersionRow>()({
  name: 'find_versions_with_steps',
  params: { namespace: 'text', name: 'text' },
  text: `
SELECT k.named_task_id, k.version, k.definition_hash, coalesce(s.steps, '[]') AS steps
FROM tasker.tasker_named_tasks k
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
CROSS JOIN LATERAL (
  SELECT jsonb_agg(jsonb_build_object('name', m.name, 'named_step_id', t.named_step_id, 'ordinal', t.ordinal, 'parents', t.parents,
    'queue', t.queue, 'priority', t.priority) ORDER BY t.ordinal) AS steps
  FROM tasker.tasker_named_tasks_named_steps t
  JOIN tasker.tasker_named_steps m ON m.named_step_id = t.named_step_id
  WHERE t.named_task_id = k.named_task_id AND t.ordinal > 0
) s
WHERE n.name = :namespace AND k.name = :name
ORDER BY k.named_task_id`,
});

const NAMESPACE = `namespace AS (
  INSERT INTO tasker.tasker_task_namespaces (name) VALUES (:namespace)
  ON CONFLICT (name) DO UPDATE SET name = EXCLUDED.name
  RETURNING task_namespace_id
)`;

/** A version without a definition: the first worker or client that has one registers it, and takes over its open tasks. */
export const insertImportedVersion = defineStatement<{ named_task_id: number }>()({
  name: 'insert_imported_version',
  params: {
    namespace: 'text',
    name: 'text',
    version: 'text',
    description: 'text | null',
    configuration: 'jsonb',
    sinks: 'integer',
  },
  text: withCtes(
    [NAMESPACE],
    `INSERT INTO tasker.tasker_named_tasks (task_namespace_id, name, version, description, configuration, sinks)
SELECT task_namespace_id, :name, :version, :description, :configuration::jsonb, :sinks FROM namespace
ON CONFLICT (task_namespace_id, name, version) DO UPDATE SET sinks = EXCLUDED.sinks
RETURNING named_task_id`,
  ),
});
