import { defineStatement } from '../../statement.ts';
import { ARCHIVED, ARCHIVED_KINDS, type ArchivedKind, rowText } from './archived-rows.ts';

/** A row of the tables. `row_version`: of rows of tasks and steps (see `rowVersions`). */
export interface ExportedRow {
  readonly task_id: string;
  /** Its columns: see `fieldsOf`. */
  readonly columns: string;
  readonly row_version?: string;
}

const ORDER: Readonly<Record<ArchivedKind, string>> = {
  task: '',
  identity: '',
  imported: 'r.source, r.source_task_id',
  step: 'r.workflow_step_id',
  edge: 'r.to_step_id, r.from_step_id',
  step_transition: 'r.workflow_step_id, r.sort_key',
  task_transition: 'r.sort_key',
};

/**
 * The rows of one kind of some tasks, in the order of their ids: a look-up by key for each task. The process makes lines of
 * them: in SQL that takes several times as long.
 */
const exportRows = (kind: ArchivedKind) =>
  defineStatement<ExportedRow>()({
    name: `export_${kind}_rows`,
    params: { task_ids: 'bigint[]' },
    text: `
SELECT r.task_id, ${rowText(kind, 'r')} AS columns${kind === 'task' || kind === 'step' ? ', r.xmin::text AS row_version' : ''}
FROM tasker.${ARCHIVED[kind].table} r
WHERE r.task_id = ANY (:task_ids::bigint[])
ORDER BY ${['r.task_id', ...[ORDER[kind]].filter(Boolean)].join(', ')}`,
  });

export const exportTaskRows = exportRows('task');
export const exportStepRows = exportRows('step');
export const exportIdentityRows = exportRows('identity');
export const exportImportedRows = exportRows('imported');
export const exportEdgeRows = exportRows('edge');
export const exportStepHistory = exportRows('step_transition');
export const exportTaskHistory = exportRows('task_transition');

/** By the kind of row. Tasks and then steps are read before the rest: their versions tell whether anything else has changed since. */
export const EXPORTS = {
  task: exportTaskRows,
  step: exportStepRows,
  identity: exportIdentityRows,
  imported: exportImportedRows,
  edge: exportEdgeRows,
  step_transition: exportStepHistory,
  task_transition: exportTaskHistory,
} as const satisfies Record<ArchivedKind, unknown>;

/**
 * What the versions of a task's own row and of its steps' rows add up to: PostgreSQL gives each written row the number of the transaction
 * that wrote it (xmin), on a replica the same one, and no transition is written without a write to its step or task. So a task is as it was if it
 * has the same sum.
 */
const STEP_VERSIONS = `count(*)::text || '/' || coalesce(sum(s.xmin::text::bigint), 0)`;

/** The same of rows that were read. */
export function versionOf(task: ExportedRow, steps: readonly ExportedRow[]): string {
  const sum = steps.reduce((total, step) => total + BigInt(step.row_version ?? 0), 0n);
  return `${task.row_version}/${steps.length}/${sum}`;
}

/** The versions of tasks whose rows the caller has locked. */
export const rowVersions = defineStatement<{ task_id: string; version: string }>()({
  name: 'row_versions',
  params: { task_ids: 'bigint[]' },
  text: `
SELECT t.task_id, t.xmin::text || '/' || v.steps AS version
FROM tasker.tasker_tasks t
CROSS JOIN LATERAL (
  SELECT ${STEP_VERSIONS} AS steps FROM tasker.tasker_workflow_steps s WHERE s.task_id = t.task_id
) v
WHERE t.task_id = ANY (:task_ids::bigint[])`,
});

/** The workflow versions of archived tasks, whole, and JSON as the text that is stored. */
export const exportWorkflows = defineStatement<{
  named_task_id: number;
  namespace: string;
  name: string;
  version: string;
  description: string | null;
  definition_hash: string | null;
  sinks: number;
  input_schema: string | null;
  configuration: string;
  steps: string;
}>()({
  name: 'export_workflows',
  params: { named_task_ids: 'integer[]' },
  text: `
SELECT k.named_task_id, n.name AS namespace, k.name, k.version, k.description, k.definition_hash, k.sinks, k.input_schema::text AS input_schema,
  k.configuration::text AS configuration, (
    SELECT coalesce(jsonb_agg(jsonb_build_object('name', s.name, 'ordinal', m.ordinal, 'parents', m.parents, 'children', m.children,
      'queue', m.queue, 'priority', m.priority, 'retryable', m.default_retryable, 'retry_limit', m.default_retry_limit,
      'skippable', m.skippable) ORDER BY m.ordinal, m.named_step_id), '[]')
    FROM tasker.tasker_named_tasks_named_steps m
    JOIN tasker.tasker_named_steps s ON s.named_step_id = m.named_step_id
    WHERE m.named_task_id = k.named_task_id)::text AS steps
FROM tasker.tasker_named_tasks k
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
WHERE k.named_task_id = ANY (:named_task_ids::integer[])
ORDER BY k.named_task_id`,
});

export const exportStepNames = defineStatement<{ named_step_id: number; name: string }>()({
  name: 'export_step_names',
  params: { named_step_ids: 'integer[]' },
  text: `
SELECT s.named_step_id, s.name
FROM tasker.tasker_named_steps s
WHERE s.named_step_id = ANY (:named_step_ids::integer[])
ORDER BY s.named_step_id`,
});

/** Columns of the archived tables that are in the database, and the newest migration. */
export const archivedSchema = defineStatement<{ kind: string; columns: string[]; schema: string }>()({
  name: 'archived_schema',
  text: `
SELECT k.kind, array_agg(a.attname::text ORDER BY a.attnum) AS columns,
  (SELECT max(m.name) FROM tasker.tasker_migrations m) AS schema
FROM (VALUES ${ARCHIVED_KINDS.map((kind) => `('${kind}', 'tasker.${ARCHIVED[kind].table}'::regclass)`).join(', ')}) AS k (kind, relation)
JOIN pg_catalog.pg_attribute a ON a.attrelid = k.relation AND a.attnum > 0 AND NOT a.attisdropped
GROUP BY k.kind`,
});
