import { defineStatement } from '../../statement.ts';

/** Statements that read what all tasks of Tasker (Ruby) share. */

/** A page of task ids, ascending. `named_task_ids` null: of all workflows; `task_ids` null: all. */
export const pageOfSourceTasks = defineStatement<{ task_id: string }>()({
  name: 'page_of_source_tasks',
  params: {
    after: 'bigint',
    named_task_ids: 'integer[] | null',
    task_ids: 'bigint[] | null',
    since: 'timestamptz | null',
    time_zone: 'text',
    page: 'integer',
  },
  text: `
SELECT t.task_id
FROM tasker.tasker_tasks t
WHERE t.task_id > :after
  AND (:named_task_ids::integer[] IS NULL OR t.named_task_id = ANY (:named_task_ids::integer[]))
  AND (:task_ids::bigint[] IS NULL OR t.task_id = ANY (:task_ids::bigint[]))
  AND (:since::timestamptz IS NULL OR t.requested_at AT TIME ZONE :time_zone::text >= :since::timestamptz)
ORDER BY t.task_id
LIMIT :page`,
});

export interface SourceWorkflowRow {
  named_task_id: number;
  namespace: string | null;
  name: string;
  version: string | null;
  description: string | null;
  configuration: string | null;
}

export const readSourceWorkflows = defineStatement<SourceWorkflowRow>()({
  name: 'read_source_workflows',
  text: `
SELECT k.named_task_id, NULL::text AS namespace, k.name, NULL::text AS version, k.description, NULL::text AS configuration
FROM tasker.tasker_named_tasks k
ORDER BY k.named_task_id`,
});

/** Of releases from 2.3 on. */
export const readSourceWorkflowVersions = defineStatement<SourceWorkflowRow>()({
  name: 'read_source_workflow_versions',
  text: `
SELECT k.named_task_id, n.name AS namespace, k.name, k.version, k.description, k.configuration::text AS configuration
FROM tasker.tasker_named_tasks k
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
ORDER BY k.named_task_id`,
});

/** The names of steps with the options that a workflow gives them. */
export const readSourceTemplates = defineStatement<{
  named_task_id: number;
  name: string;
  skippable: boolean;
  default_retryable: boolean;
  default_retry_limit: number;
}>()({
  name: 'read_source_templates',
  text: `
SELECT a.named_task_id, n.name, a.skippable, a.default_retryable, a.default_retry_limit
FROM tasker.tasker_named_tasks_named_steps a
JOIN tasker.tasker_named_steps n ON n.named_step_id = a.named_step_id
ORDER BY a.named_task_id, n.name`,
});

export const readSourceStepNames = defineStatement<{ name: string }>()({
  name: 'read_source_step_names',
  text: `SELECT DISTINCT n.name FROM tasker.tasker_named_steps n ORDER BY n.name`,
});

export interface SourceGraphRow {
  named_task_id: number;
  sample_task_id: string;
  open_tasks: number;
  tasks: number;
}

const GRAPHS = { named_task_ids: 'integer[]' } as const;
/** `parents`: the ids of the parents of the step `s`, as a query with the column `parent_id`. */
const graphs = (parents: string): string => `
WITH graphs AS (
  SELECT t.task_id, t.named_task_id, coalesce(t.complete, false) AS complete,
    md5(string_agg(s.named_step_id || '<' || coalesce(p.list, ''), '|' ORDER BY s.named_step_id, p.list)) AS graph
  FROM tasker.tasker_tasks t
  JOIN tasker.tasker_workflow_steps s ON s.task_id = t.task_id
  LEFT JOIN LATERAL (
    SELECT string_agg(DISTINCT p.named_step_id::text, ',' ORDER BY p.named_step_id::text) AS list
    FROM (${parents}) e
    JOIN tasker.tasker_workflow_steps p ON p.workflow_step_id = e.parent_id
  ) p ON true
  WHERE t.named_task_id = ANY (:named_task_ids::integer[])
  GROUP BY t.task_id, t.named_task_id, t.complete
)
SELECT t.named_task_id, max(t.task_id) AS sample_task_id, count(*)::integer AS tasks,
  count(*) FILTER (WHERE NOT t.complete)::integer AS open_tasks
FROM graphs t
GROUP BY t.named_task_id, t.graph
ORDER BY t.named_task_id, open_tasks DESC, tasks DESC, sample_task_id DESC`;

const BY_EDGE = `SELECT e.from_step_id AS parent_id FROM tasker.tasker_workflow_step_edges e WHERE e.to_step_id = s.workflow_step_id`;
const BY_COLUMN = 'SELECT s.depends_on_step_id AS parent_id WHERE s.depends_on_step_id IS NOT NULL';

/** The graphs of the tasks of each workflow: how many tasks have each, and one of them. */
export const readSourceGraphs = defineStatement<SourceGraphRow>()({
  name: 'read_source_graphs',
  params: GRAPHS,
  text: graphs(BY_EDGE),
});

/** The same of releases 1.2 to 1.4, which have edges and the column of one parent. */
export const readSourceGraphsOfBoth = defineStatement<SourceGraphRow>()({
  name: 'read_source_graphs_of_both',
  params: GRAPHS,
  text: graphs(`${BY_EDGE} UNION ALL ${BY_COLUMN}`),
});

/** The same of releases before 1.2, which have no edges. */
export const readSourceGraphsOfParents = defineStatement<SourceGraphRow>()({
  name: 'read_source_graphs_of_parents',
  params: GRAPHS,
  text: graphs(BY_COLUMN),
});

/** Fails if the text is no path. */
export const checkJsonPath = defineStatement()({
  name: 'check_json_path',
  params: { path: 'text' },
  text: 'SELECT :path::text::jsonpath IS NULL AS nothing',
});

export interface SourceFactsRow {
  database: string;
  highest_task_id: string | null;
  /** In this time zone the newest row was written this many seconds ago; negative: in the future. */
  newest_seconds_ago: number | null;
  has_annotations: boolean;
  has_edges: boolean;
  has_readiness_view: boolean;
  has_readiness_function: boolean;
  /** Whether at most one row can be the most recent one of a task, and tasks of transitions exist. */
  has_unique_most_recent: boolean;
  has_foreign_key: boolean;
  /** Columns that must not be null and have no default, of the table of task transitions, that no release has. */
  unknown_columns: string[];
}

const TRANSITION_COLUMNS = `'id', 'to_state', 'from_state', 'metadata', 'sort_key', 'most_recent', 'task_id', 'created_at', 'updated_at'`;

export const readSourceFacts = defineStatement<SourceFactsRow>()({
  name: 'read_source_facts',
  params: { schema: 'text', time_zone: 'text' },
  text: `
WITH history AS (SELECT to_regclass(format('%I.tasker_task_transitions', :schema::text)) AS oid)
SELECT current_database() AS database,
  (SELECT max(t.task_id) FROM tasker.tasker_tasks t) AS highest_task_id,
  (SELECT extract(epoch FROM clock_timestamp() - max(t.updated_at) AT TIME ZONE :time_zone::text)::float8
    FROM tasker.tasker_tasks t) AS newest_seconds_ago,
  to_regclass(format('%I.tasker_task_annotations', :schema::text)) IS NOT NULL AS has_annotations,
  to_regclass(format('%I.tasker_workflow_step_edges', :schema::text)) IS NOT NULL AS has_edges,
  to_regclass(format('%I.tasker_step_readiness_statuses', :schema::text)) IS NOT NULL AS has_readiness_view,
  to_regprocedure(format('%I.get_step_readiness_status_batch(bigint[])', :schema::text)) IS NOT NULL AS has_readiness_function,
  EXISTS (SELECT FROM pg_index i, history h WHERE i.indrelid = h.oid AND i.indisunique AND i.indpred IS NOT NULL) AS has_unique_most_recent,
  EXISTS (SELECT FROM pg_constraint c, history h WHERE c.conrelid = h.oid AND c.contype = 'f'
    AND c.confrelid = to_regclass(format('%I.tasker_tasks', :schema::text))) AS has_foreign_key,
  ARRAY(SELECT a.attname::text FROM pg_attribute a, history h
    WHERE a.attrelid = h.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
      AND a.attname NOT IN (${TRANSITION_COLUMNS})) AS unknown_columns`,
});
