import { defineStatement } from '../../statement.ts';
import { ARCHIVED, ARCHIVED_KINDS, lineOf, timeText } from './archived-rows.ts';

export interface ExportedTaskRow {
  task_id: string;
  named_task_id: number;
  state: string;
  identity: string;
  generation: number | null;
  tags: string[] | null;
  requested_at: string;
  ended_at: string;
  /** One line for each row of the task, without the last line's end. */
  lines: string;
  steps: number;
  edges: number;
  transitions: number;
  named_step_ids: number[];
  /** Of the rows of the task and its steps: see `rowVersions`. */
  version: string;
}

/**
 * What the versions of a task's own row and of its steps' rows add up to: PostgreSQL gives each written row the number of the transaction
 * that wrote it (xmin), on a replica the same one, and no transition is written without a write to its step or task. So a task is as it was if it
 * has the same sum.
 */
const STEP_VERSIONS = `count(*)::text || '/' || coalesce(sum(s.xmin::text::bigint), 0)`;

/** A sum over the rows of one table, by the key of its task. */
const rowsOf = (
  kind: 'edge' | 'step' | 'step_transition' | 'task_transition',
  alias: string,
  order: string,
): string => `
CROSS JOIN LATERAL (
  SELECT count(*)::integer AS number, string_agg(${lineOf(kind, 'r')}, chr(10) ORDER BY ${order}) AS lines
  FROM tasker.${ARCHIVED[kind].table} r
  WHERE r.task_id = t.task_id
) ${alias}`;

/** Whole tasks as lines of JSON, in the order of their ids: a look-up by key in each table for each task. */
export const exportTasks = defineStatement<ExportedTaskRow>()({
  name: 'export_tasks',
  params: { task_ids: 'bigint[]' },
  text: `
SELECT t.task_id, t.named_task_id, t.state, coalesce(i.identity_hash, t.identity_hash) AS identity, i.generation, t.tags,
  ${timeText('t.requested_at')} AS requested_at, ${timeText('coalesce(t.completed_at, ended.at, t.requested_at)')} AS ended_at,
  concat_ws(chr(10), ${lineOf('task', 't')}, CASE WHEN i.task_id IS NOT NULL THEN ${lineOf('identity', 'i')} END,
    imported.lines, steps.lines, edges.lines, step_history.lines, task_history.lines) AS lines,
  steps.number AS steps, edges.number AS edges, step_history.number + task_history.number AS transitions,
  versions.named_step_ids, t.xmin::text || '/' || versions.steps AS version
FROM tasker.tasker_tasks t
LEFT JOIN tasker.tasker_identities i ON i.task_id = t.task_id
CROSS JOIN LATERAL (
  SELECT ${STEP_VERSIONS} AS steps, coalesce(array_agg(DISTINCT s.named_step_id), '{}') AS named_step_ids
  FROM tasker.tasker_workflow_steps s
  WHERE s.task_id = t.task_id
) versions
CROSS JOIN LATERAL (
  SELECT max(x.created_at) AS at FROM tasker.tasker_task_transitions x WHERE x.task_id = t.task_id
) ended
CROSS JOIN LATERAL (
  SELECT string_agg(${lineOf('imported', 'b')}, chr(10) ORDER BY b.source, b.source_task_id) AS lines
  FROM tasker.tasker_imported_tasks b
  WHERE b.task_id = t.task_id
) imported${rowsOf('step', 'steps', 'r.workflow_step_id')}${rowsOf('edge', 'edges', 'r.to_step_id, r.from_step_id')}${rowsOf(
    'step_transition',
    'step_history',
    'r.workflow_step_id, r.sort_key',
  )}${rowsOf('task_transition', 'task_history', 'r.sort_key')}
WHERE t.task_id = ANY (:task_ids::bigint[])
ORDER BY t.task_id`,
});

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
