import { inSchema } from './schema-name.ts';

/**
 * Read-only views with the names, columns and types of Tasker (Ruby) over the tables of the engine, for reports that read those: times
 * without a zone, in UTC. `B`: of releases 2.0 and 2.1; `D`: of 2.3 and later. Ids of edges and transitions, which the engine does not
 * have, are made of their keys.
 */
export type CompatForm = 'B' | 'D';

const utc = (column: string, as: string, precision = '(6)'): string =>
  `(${column} AT TIME ZONE 'UTC')::timestamp${precision} AS ${as}`;
const times = (created: string, updated = created): string =>
  `${utc(created, 'created_at')}, ${utc(updated, 'updated_at')}`;
const text = (column: string, length: number, as = column.split('.').at(-1)): string =>
  `${column}::varchar(${length}) AS ${as}`;

const transitions = (table: string, key: string): string => `
SELECT hashint8extended(x.${key}, x.sort_key) AS id, x.to_state::varchar AS to_state, x.from_state::varchar AS from_state,
  coalesce(x.metadata, '{}') AS metadata, x.sort_key, x.most_recent, x.${key}, ${times('x.created_at')}
FROM tasker.${table} x`;

/** Parents before children, as in the tables of Tasker (Ruby); each SELECT is one view. */
function viewsOf(form: CompatForm): Record<string, string> {
  return {
    ...(form === 'D'
      ? {
          tasker_task_namespaces: `
SELECT n.task_namespace_id, ${text('n.name', 64)}, ${text('n.description', 255)}, ${times('n.created_at')}
FROM tasker.tasker_task_namespaces n`,
        }
      : {}),
    tasker_named_steps: `
SELECT n.named_step_id, 1 AS dependent_system_id, ${text('n.name', 128)}, ${text('n.description', 255)}, ${times('n.created_at')}
FROM tasker.tasker_named_steps n`,
    tasker_named_tasks: `
SELECT k.named_task_id, ${text('k.name', 64)}, ${text('k.description', 255)}, ${times('k.created_at')}${
      form === 'D'
        ? `, k.task_namespace_id::bigint AS task_namespace_id, ${text('k.version', 16)}, k.configuration`
        : ''
    }
FROM tasker.tasker_named_tasks k`,
    tasker_named_tasks_named_steps: `
SELECT hashint8(a.named_task_id::bigint * 2147483648 + a.named_step_id) AS id, a.named_task_id, a.named_step_id, a.skippable,
  a.default_retryable, a.default_retry_limit, ${times('k.created_at')}
FROM tasker.tasker_named_tasks_named_steps a
JOIN tasker.tasker_named_tasks k ON k.named_task_id = a.named_task_id`,
    tasker_tasks: `
SELECT t.task_id, t.named_task_id, t.complete, ${utc('t.requested_at', 'requested_at', '')}, ${text('t.initiator', 128)},
  ${text('t.source_system', 128)}, ${text('t.reason', 128)}, t.bypass_steps::json AS bypass_steps, t.tags, t.context,
  ${text('t.identity_hash', 128)}, ${times('t.requested_at', 'coalesce(t.completed_at, t.requested_at)')}
FROM tasker.tasker_tasks t`,
    tasker_workflow_steps: `
SELECT s.workflow_step_id, s.task_id, s.named_step_id, s.retryable, s.retry_limit, s.in_process, s.processed,
  ${utc('s.processed_at', 'processed_at', '')}, s.attempts, ${utc('s.last_attempted_at', 'last_attempted_at', '')},
  s.backoff_request_seconds, s.inputs, s.results, s.skippable,
  ${times('t.requested_at', 'coalesce(s.processed_at, s.last_attempted_at, t.requested_at)')}
FROM tasker.tasker_workflow_steps s
JOIN tasker.tasker_tasks t ON t.task_id = s.task_id`,
    tasker_workflow_step_edges: `
SELECT hashint8extended(e.from_step_id, e.to_step_id) AS id, e.from_step_id, e.to_step_id, e.name::varchar AS name,
  ${times('t.requested_at')}
FROM tasker.tasker_workflow_step_edges e
JOIN tasker.tasker_tasks t ON t.task_id = e.task_id`,
    tasker_task_transitions: transitions('tasker_task_transitions', 'task_id'),
    tasker_workflow_step_transitions: transitions('tasker_workflow_step_transitions', 'workflow_step_id'),
    tasker_step_dag_relationships: DAG,
    ...(form === 'B'
      ? {
          tasker_step_readiness_statuses: readiness('B'),
          tasker_task_execution_contexts: contexts('B'),
          tasker_task_workflow_summaries: SUMMARIES,
        }
      : {}),
  };
}

/**
 * By the rules of those releases, on what is known here: a step is ready too whose retry is due and that a scheduler will make ready
 * in a moment, and a step that is blocked is not, whatever attempts it has left. `D`: a failure counts only while the step is in error.
 */
const readiness = (form: CompatForm): string => `
SELECT v.workflow_step_id, v.task_id, v.named_step_id, ${text('v.name', 128)}, v.current_state::varchar AS current_state,
  v.dependencies_satisfied, v.retry_eligible,
  v.ready_for_execution OR coalesce(v.next_retry_at <= statement_timestamp(), false) AS ready_for_execution,
  ${utc('f.failed_at', 'last_failure_at')},
  ${utc(
    `coalesce(v.next_retry_at, v.last_attempted_at + v.backoff_request_seconds * interval '1 s',
      f.failed_at + least(power(2, least(v.attempts, 5)), 30) * interval '1 s')`,
    'next_retry_at',
    '',
  )},
  v.total_parents::bigint AS total_parents, v.completed_parents::bigint AS completed_parents,
  v.attempts, v.retry_limit, v.backoff_request_seconds, ${utc('v.last_attempted_at', 'last_attempted_at', '')}
FROM tasker.tasker_step_readiness_statuses v
CROSS JOIN LATERAL (SELECT ${form === 'B' ? 'v.last_failure_at' : `CASE WHEN v.current_state = 'error' THEN v.last_failure_at END`} AS failed_at) f`;

/**
 * `B`: only `complete` counts as completed, any step in error blocks its task unless something is ready, and a task without steps is not
 * there. `D`: resolved steps are completed too, and a step that waits for its retry blocks nothing.
 */
function contexts(form: CompatForm): string {
  const completed = form === 'B' ? `s.state = 'complete'` : 's.processed';
  const blocking = form === 'B' ? 'c.failed_steps' : 'c.blocked_steps';
  const allDone = `c.completed_steps = c.total_steps${form === 'B' ? '' : ' AND c.total_steps > 0'}`;
  const byState = (ready: string, running: string, blocked: string, done: string, other: string): string =>
    `CASE WHEN c.ready_steps > 0 THEN '${ready}' WHEN c.in_progress_steps > 0 THEN '${running}'
    WHEN ${blocking} > 0 THEN '${blocked}' WHEN ${allDone} THEN '${done}' ELSE '${other}' END`;
  return `
SELECT v.task_id, v.named_task_id, v.state::varchar AS status, c.total_steps, c.pending_steps, c.in_progress_steps, c.completed_steps,
  c.failed_steps, c.ready_steps,
  ${byState('has_ready_steps', 'processing', 'blocked_by_failures', 'all_complete', 'waiting_for_dependencies')} AS execution_status,
  ${byState('execute_ready_steps', 'wait_for_completion', 'handle_failures', 'finalize_task', 'wait_for_dependencies')} AS recommended_action,
  CASE WHEN c.total_steps = 0 THEN 0.0 ELSE round(100.0 * c.completed_steps / c.total_steps, 2) END AS completion_percentage,
  CASE WHEN c.failed_steps = 0 THEN 'healthy' WHEN c.ready_steps = 0 AND ${blocking} > 0 THEN 'blocked' ELSE 'recovering' END AS health_status
FROM tasker.tasker_tasks v
CROSS JOIN LATERAL (
  SELECT count(*) AS total_steps, count(*) FILTER (WHERE s.state = 'pending') AS pending_steps,
    count(*) FILTER (WHERE s.in_process) AS in_progress_steps, count(*) FILTER (WHERE ${completed}) AS completed_steps,
    count(*) FILTER (WHERE s.state = 'error') AS failed_steps, count(s.blocked_at) AS blocked_steps,
    count(*) FILTER (WHERE s.ready_at IS NOT NULL OR s.next_retry_at <= statement_timestamp()) AS ready_steps
  FROM tasker.tasker_workflow_steps s
  WHERE s.task_id = v.task_id
) c${form === 'B' ? '\nWHERE c.total_steps > 0' : ''}`;
}

const DAG = `
SELECT v.workflow_step_id, v.task_id, v.named_step_id, v.parent_step_ids, v.child_step_ids,
  v.parent_count::bigint AS parent_count, v.child_count::bigint AS child_count, v.is_root_step, v.is_leaf_step, v.min_depth_from_root
FROM tasker.tasker_step_dag_relationships v`;

/** As there: steps in error are never among the blocked ones. */
const BLOCKED = `NOT r.ready_for_execution AND r.current_state = 'pending'`;
const SUMMARIES = `
SELECT c.task_id, c.total_steps, c.pending_steps, c.in_progress_steps, c.completed_steps, c.failed_steps, c.ready_steps,
  c.execution_status, c.recommended_action,
  c.completion_percentage, c.health_status, s.root_step_ids, s.root_step_count, s.blocked_step_ids, s.blocking_reasons,
  s.next_executable_step_ids,
  CASE WHEN c.ready_steps > 5 THEN 'batch_parallel' WHEN c.ready_steps > 1 THEN 'small_parallel'
    WHEN c.ready_steps = 1 THEN 'sequential' ELSE 'waiting' END AS processing_strategy
FROM (${contexts('B')}) c
CROSS JOIN LATERAL (
  SELECT jsonb_agg(r.workflow_step_id ORDER BY r.workflow_step_id) FILTER (WHERE r.total_parents = 0) AS root_step_ids,
    count(*) FILTER (WHERE r.total_parents = 0) AS root_step_count,
    jsonb_agg(r.workflow_step_id ORDER BY r.workflow_step_id) FILTER (WHERE ${BLOCKED}) AS blocked_step_ids,
    jsonb_agg(CASE WHEN NOT r.dependencies_satisfied THEN 'dependencies_not_satisfied'
      WHEN NOT r.retry_eligible THEN 'retry_not_eligible' ELSE 'unknown' END ORDER BY r.workflow_step_id)
      FILTER (WHERE ${BLOCKED}) AS blocking_reasons,
    jsonb_agg(r.workflow_step_id ORDER BY r.workflow_step_id) FILTER (WHERE r.ready_for_execution) AS next_executable_step_ids
  FROM (${readiness('B')}) r
  WHERE r.task_id = c.task_id
) s`;

/** The longest way from a root to each step of a task. A graph is no deeper than it has steps. */
const LEVELS = `
WITH RECURSIVE reached (workflow_step_id, level) AS (
  SELECT s.workflow_step_id, 0 FROM tasker.tasker_workflow_steps s WHERE s.task_id = input_task_id AND s.total_parents = 0
  UNION
  SELECT e.to_step_id, r.level + 1
  FROM reached r
  JOIN tasker.tasker_workflow_step_edges e ON e.task_id = input_task_id AND e.from_step_id = r.workflow_step_id
  WHERE r.level < (SELECT count(*) FROM tasker.tasker_workflow_steps s WHERE s.task_id = input_task_id)
)
SELECT r.workflow_step_id, max(r.level) AS dependency_level FROM reached r GROUP BY r.workflow_step_id ORDER BY 2, 1`;

const READINESS_COLUMNS = `workflow_step_id bigint, task_id bigint, named_step_id integer, name text, current_state text,
  dependencies_satisfied boolean, retry_eligible boolean, ready_for_execution boolean, last_failure_at timestamp,
  next_retry_at timestamp, total_parents integer, completed_parents integer, attempts integer, retry_limit integer,
  backoff_request_seconds integer, last_attempted_at timestamp`;
const CONTEXT_COLUMNS = `task_id bigint, named_task_id integer, status text, total_steps bigint, pending_steps bigint,
  in_progress_steps bigint, completed_steps bigint, failed_steps bigint, ready_steps bigint, execution_status text,
  recommended_action text, completion_percentage numeric, health_status text`;

/** Reads every task and step, as there. Tasks and steps without a history are among the pending ones, where Tasker left them out. */
const HEALTH = `
SELECT t.*, s.*,
  (SELECT count(*) FROM pg_stat_activity a WHERE a.datname = current_database() AND a.state = 'active') AS active_connections,
  current_setting('max_connections') AS max_connections
FROM (
  SELECT count(*) AS total_tasks, count(*) FILTER (WHERE t.state = 'pending') AS pending_tasks,
    count(*) FILTER (WHERE t.state = 'in_progress') AS in_progress_tasks, count(*) FILTER (WHERE t.state = 'complete') AS complete_tasks,
    count(*) FILTER (WHERE t.state = 'error') AS error_tasks, count(*) FILTER (WHERE t.state = 'cancelled') AS cancelled_tasks
  FROM tasker.tasker_tasks t
) t
CROSS JOIN (
  SELECT count(*) AS total_steps, count(*) FILTER (WHERE s.state = 'pending') AS pending_steps,
    count(*) FILTER (WHERE s.in_process) AS in_progress_steps, count(*) FILTER (WHERE s.state = 'complete') AS complete_steps,
    count(*) FILTER (WHERE s.state = 'error') AS error_steps,
    count(*) FILTER (WHERE s.state = 'error' AND s.attempts < s.retry_limit AND s.retryable) AS retryable_error_steps,
    count(*) FILTER (WHERE s.state = 'error' AND s.attempts >= s.retry_limit) AS exhausted_retry_steps,
    count(s.next_retry_at) AS in_backoff_steps
  FROM tasker.tasker_workflow_steps s
) s`;
const HEALTH_COLUMNS = [
  ...['total', 'pending', 'in_progress', 'complete', 'error', 'cancelled'].map((state) => `${state}_tasks`),
  ...['total', 'pending', 'in_progress', 'complete', 'error', 'retryable_error', 'exhausted_retry', 'in_backoff'].map(
    (s) => `${s}_steps`,
  ),
  'active_connections',
  'max_connections',
]
  .map((column) => `${column} bigint`)
  .join(', ');

/** Of releases from 2.3 on. `steps`: only these, of the task. */
const FUNCTIONS = [
  [
    'get_step_readiness_status',
    'input_task_id bigint, step_ids bigint[] DEFAULT NULL',
    READINESS_COLUMNS,
    readiness('D'),
    'v.task_id = input_task_id AND (step_ids IS NULL OR v.workflow_step_id = ANY (step_ids))',
  ],
  [
    'get_step_readiness_status_batch',
    'input_task_ids bigint[]',
    READINESS_COLUMNS,
    readiness('D'),
    'v.task_id = ANY (input_task_ids)',
  ],
  ['get_task_execution_context', 'input_task_id bigint', CONTEXT_COLUMNS, contexts('D'), 'v.task_id = input_task_id'],
  [
    'get_task_execution_contexts_batch',
    'input_task_ids bigint[]',
    CONTEXT_COLUMNS,
    contexts('D'),
    'v.task_id = ANY (input_task_ids)',
  ],
  [
    'calculate_dependency_levels',
    'input_task_id bigint',
    'workflow_step_id bigint, dependency_level integer',
    LEVELS,
    undefined,
  ],
  ['get_system_health_counts_v01', '', HEALTH_COLUMNS, HEALTH, undefined],
] as const;

/** The statements that make the views in a schema, which has to be without tables of these names. Run them in one transaction. */
export function compatStatements(form: CompatForm, target: string, schema: string): string[] {
  const views = Object.entries(viewsOf(form)).map(
    ([name, select]) => `CREATE OR REPLACE VIEW "${target}".${name} AS ${inSchema(select, schema)}`,
  );
  const functions = FUNCTIONS.map(([name, given, returned, select, condition]) => {
    const columns = returned.split(',').map((column) => {
      const [own = '', type = ''] = column.trim().split(' ');
      return `r.${own}::${type}`;
    });
    return `CREATE OR REPLACE FUNCTION "${target}".${name}(${given}) RETURNS TABLE (${returned}) LANGUAGE sql STABLE AS $$
SELECT ${columns.join(', ')} FROM (${inSchema(condition === undefined ? select : `${select}\nWHERE ${condition}`, schema)}) r $$`;
  });
  return [`CREATE SCHEMA IF NOT EXISTS "${target}"`, ...views, ...(form === 'D' ? functions : [])];
}
