import { defineStatement } from '../../statement.ts';
import { microseconds } from '../rules/microseconds.ts';

/**
 * Statements that read tasks of Tasker (Ruby). Its times have no zone: `time_zone` is the one that they were written in. JSON is
 * returned as text, because numbers in it may have more digits than a JavaScript number.
 */
const at = (column: string): string =>
  `CASE WHEN isfinite(${column}) THEN ${microseconds(`(${column} AT TIME ZONE :time_zone::text)`)} END`;

/** Microseconds since 1970 arrive as decimal text. */
export interface SourceTaskRow {
  task_id: string;
  named_task_id: number;
  complete: boolean;
  requested_at: string | null;
  initiator: string | null;
  source_system: string | null;
  reason: string | null;
  bypass_steps: string | null;
  tags: string | null;
  context: string | null;
  identity_hash: string;
  status: string | null;
}

export interface SourceStepRow {
  task_id: string;
  workflow_step_id: string;
  named_step_id: number;
  name: string;
  retryable: boolean;
  retry_limit: number | null;
  in_process: boolean;
  processed: boolean;
  processed_at: string | null;
  attempts: number | null;
  last_attempted_at: string | null;
  backoff_request_seconds: number | null;
  inputs: string | null;
  results: string | null;
  skippable: boolean;
  status: string | null;
  depends_on_step_id: string | null;
  /** The task of that step; null: there is no such step. */
  depends_on_task_id: string | null;
}

const taskColumns = (status: string): string => `
SELECT t.task_id, t.named_task_id, coalesce(t.complete, false) AS complete, ${at('t.requested_at')} AS requested_at, t.initiator,
  t.source_system, t.reason, t.bypass_steps::text AS bypass_steps, t.tags::text AS tags, t.context::text AS context, t.identity_hash,
  ${status} AS status
FROM tasker.tasker_tasks t
WHERE t.task_id = ANY (:task_ids::bigint[])
ORDER BY t.task_id`;

const TASKS = { task_ids: 'bigint[]', time_zone: 'text' } as const;

export const readSourceTasks = defineStatement<SourceTaskRow>()({
  name: 'read_source_tasks',
  params: TASKS,
  text: taskColumns('NULL::text'),
});

/** Of releases before 2.0. */
export const readSourceTasksWithStatus = defineStatement<SourceTaskRow>()({
  name: 'read_source_tasks_with_status',
  params: TASKS,
  text: taskColumns('t.status'),
});

const stepColumns = (status: string, dependsOn: string): string => `
SELECT s.task_id, s.workflow_step_id, s.named_step_id, n.name, coalesce(s.retryable, true) AS retryable, s.retry_limit,
  coalesce(s.in_process, false) AS in_process, coalesce(s.processed, false) AS processed, ${at('s.processed_at')} AS processed_at,
  s.attempts, ${at('s.last_attempted_at')} AS last_attempted_at, s.backoff_request_seconds, s.inputs::text AS inputs,
  s.results::text AS results, coalesce(s.skippable, false) AS skippable, ${status} AS status, ${dependsOn} AS depends_on_step_id,
  (SELECT p.task_id FROM tasker.tasker_workflow_steps p WHERE p.workflow_step_id = ${dependsOn}) AS depends_on_task_id
FROM tasker.tasker_workflow_steps s
JOIN tasker.tasker_named_steps n ON n.named_step_id = s.named_step_id
WHERE s.task_id = ANY (:task_ids::bigint[])
ORDER BY s.task_id, s.workflow_step_id`;

export const readSourceSteps = defineStatement<SourceStepRow>()({
  name: 'read_source_steps',
  params: TASKS,
  text: stepColumns('NULL::text', 'NULL::bigint'),
});

/** Of releases 1.5 and 1.6. */
export const readSourceStepsWithStatus = defineStatement<SourceStepRow>()({
  name: 'read_source_steps_with_status',
  params: TASKS,
  text: stepColumns('s.status', 'NULL::bigint'),
});

/** Of releases before 1.5. */
export const readSourceStepsWithParent = defineStatement<SourceStepRow>()({
  name: 'read_source_steps_with_parent',
  params: TASKS,
  text: stepColumns('s.status', 's.depends_on_step_id'),
});

export interface SourceEdgeRow {
  to_step_id: string;
  from_step_id: string;
  name: string;
  /** Null: there is no such step. */
  from_task_id: string | null;
}

/** The edges that lead to these steps. */
export const readSourceEdges = defineStatement<SourceEdgeRow>()({
  name: 'read_source_edges',
  params: { step_ids: 'bigint[]' },
  text: `
SELECT e.to_step_id, e.from_step_id, e.name, f.task_id AS from_task_id
FROM tasker.tasker_workflow_step_edges e
LEFT JOIN tasker.tasker_workflow_steps f ON f.workflow_step_id = e.from_step_id
WHERE e.to_step_id = ANY (:step_ids::bigint[])
ORDER BY e.to_step_id, e.from_step_id`,
});

/** The keys of tasks: what the path of their workflow finds in the context, if that is a text or a number. */
export const readSourceKeys = defineStatement<{ task_id: string; key: string | null }>()({
  name: 'read_source_keys',
  params: { task_ids: 'bigint[]', named_task_ids: 'integer[]', paths: 'text[]' },
  text: `
SELECT t.task_id, CASE WHEN jsonb_typeof(k.found) IN ('string', 'number') THEN k.found #>> '{}' END AS key
FROM tasker.tasker_tasks t
JOIN unnest(:named_task_ids::integer[], :paths::text[]) AS p (named_task_id, path) ON p.named_task_id = t.named_task_id
CROSS JOIN LATERAL (SELECT jsonb_path_query_first(t.context::jsonb, p.path::jsonpath, '{}', true) AS found) k
WHERE t.task_id = ANY (:task_ids::bigint[])`,
});

export interface SourceTransitionRow {
  /** Of the step or the task. */
  of_id: string;
  id: string;
  sort_key: number;
  to_state: string;
  most_recent: boolean;
  created_at: string | null;
  metadata: string | null;
}

const transitions = (table: string, key: string): string => `
SELECT x.${key} AS of_id, x.id, x.sort_key, x.to_state, x.most_recent, ${at('x.created_at')} AS created_at,
  x.metadata::text AS metadata
FROM tasker.${table} x
WHERE x.${key} = ANY (:ids::bigint[])
ORDER BY x.${key}, x.sort_key, x.id`;

const HISTORY = { ids: 'bigint[]', time_zone: 'text' } as const;

export const readSourceStepTransitions = defineStatement<SourceTransitionRow>()({
  name: 'read_source_step_transitions',
  params: HISTORY,
  text: transitions('tasker_workflow_step_transitions', 'workflow_step_id'),
});

export const readSourceTaskTransitions = defineStatement<SourceTransitionRow>()({
  name: 'read_source_task_transitions',
  params: HISTORY,
  text: transitions('tasker_task_transitions', 'task_id'),
});

/** What was noted about tasks, by the name of its type. */
export const readSourceAnnotations = defineStatement<{ task_id: string; name: string; annotation: string | null }>()({
  name: 'read_source_annotations',
  params: { task_ids: 'bigint[]' },
  text: `
SELECT a.task_id, y.name, a.annotation::text AS annotation
FROM tasker.tasker_task_annotations a
JOIN tasker.tasker_annotation_types y ON y.annotation_type_id = a.annotation_type_id
WHERE a.task_id = ANY (:task_ids::bigint[])
ORDER BY a.task_annotation_id`,
});
