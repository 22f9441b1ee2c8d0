import { distrusted } from '../directory/enter-stretch.ts';
import { BLOCK } from '../retention/blocks.ts';
import { defineStatement, rows } from '../../statement.ts';
import { isOpen } from '../rules/open-states.ts';

/** Statements that write imported tasks. Times are microseconds since 1970. */
const time = (column: string): string => `'epoch'::timestamptz + ${column}::float8 * interval '1 microsecond'`;

/** The ids and identities of these that tasks here have. */
export const findTaken = defineStatement<{ task_id: string; identity_hash: string }>()({
  name: 'find_taken',
  params: { task_ids: 'bigint[]', identity_hashes: 'text[]' },
  text: `
SELECT t.task_id, t.identity_hash FROM tasker.tasker_tasks t WHERE t.task_id = ANY (:task_ids::bigint[])
UNION
SELECT t.task_id, t.identity_hash FROM tasker.tasker_tasks t WHERE t.identity_hash = ANY (:identity_hashes::text[])`,
});

export const nextTaskIds = defineStatement<{ task_id: string }>()({
  name: 'next_task_ids',
  params: { count: 'integer' },
  text: `
SELECT nextval(pg_get_serial_sequence('tasker.tasker_tasks', 'task_id')) AS task_id FROM generate_series(1, :count::integer)`,
});

/** New tasks get ids above this one from now on. */
export const raiseTaskIds = defineStatement()({
  name: 'raise_task_ids',
  params: { above: 'bigint' },
  text: `
SELECT setval(q.sequence, greatest(nextval(q.sequence), :above::bigint))
FROM (SELECT pg_get_serial_sequence('tasker.tasker_tasks', 'task_id') AS sequence) q`,
});

/**
 * Also lists open ones whose ids are not young for the run statistics, and makes their blocks due for retention: they may have the ids that they
 * had in Tasker (Ruby).
 */
export const insertImportedTasks = defineStatement()({
  name: 'insert_imported_tasks',
  params: {
    tasks: rows({
      task_id: 'bigint',
      named_task_id: 'integer',
      state: 'text',
      sort_key: 'integer',
      requested_at: 'bigint | null',
      completed_at: 'bigint | null',
      unfinished_sinks: 'integer',
      initiator: 'text | null',
      source_system: 'text | null',
      reason: 'text | null',
      bypass_steps: 'jsonb | null',
      tags: 'jsonb | null',
      context: 'jsonb',
      identity_hash: 'text',
    }),
  },
  text: `
WITH imported AS (
INSERT INTO tasker.tasker_tasks
  (task_id, named_task_id, state, sort_key, complete, requested_at, completed_at, unfinished_sinks, initiator, source_system, reason,
   bypass_steps, tags, context, identity_hash)
SELECT i.task_id, i.named_task_id, i.state, i.sort_key, i.state IN ('complete', 'resolved_manually'),
  coalesce(${time('i.requested_at')}, clock_timestamp()), ${time('i.completed_at')}, i.unfinished_sinks, i.initiator, i.source_system,
  i.reason, i.bypass_steps, i.tags, i.context, i.identity_hash
FROM :tasks AS i
RETURNING task_id, state
), visited AS (
  INSERT INTO tasker.tasker_retention_blocks AS b (first_task_id)
  SELECT DISTINCT t.task_id / ${BLOCK} * ${BLOCK}
  FROM imported t
  JOIN tasker.tasker_retention r ON t.task_id < greatest(r.entered_up_to, r.settled_up_to)
  ON CONFLICT (first_task_id) DO UPDATE SET next_at = clock_timestamp()
), ${distrusted('SELECT i.task_id FROM imported i')}
INSERT INTO tasker.tasker_run_stats_tasks (task_id)
SELECT t.task_id
FROM imported t
JOIN tasker.tasker_run_stats_progress p ON t.task_id <= coalesce(p.slice_listed_up_to, p.listed_up_to)
WHERE ${isOpen('t')}
ON CONFLICT DO NOTHING`,
});

/** `children`: an array literal. */
export const insertImportedSteps = defineStatement()({
  name: 'insert_imported_steps',
  params: {
    steps: rows({
      task_id: 'bigint',
      workflow_step_id: 'bigint',
      named_step_id: 'integer',
      named_task_id: 'integer',
      queue: 'text',
      priority: 'smallint',
      retryable: 'boolean',
      retry_limit: 'integer',
      attempts: 'integer',
      state: 'text',
      sort_key: 'integer',
      total_parents: 'integer',
      unmet_parents: 'integer',
      children: 'text',
      is_ready: 'boolean',
      next_retry_at: 'bigint | null',
      blocked_at: 'bigint | null',
      task_blocked: 'boolean',
      processed_at: 'bigint | null',
      last_attempted_at: 'bigint | null',
      backoff_request_seconds: 'integer | null',
      inputs: 'jsonb | null',
      results: 'jsonb | null',
      skippable: 'boolean',
    }),
  },
  text: `
INSERT INTO tasker.tasker_workflow_steps
  (task_id, workflow_step_id, named_step_id, named_task_id, queue, priority, retryable, retry_limit, attempts, state, sort_key,
   processed, total_parents, unmet_parents, children, ready_at, next_retry_at, blocked_at, task_blocked, processed_at,
   last_attempted_at, backoff_request_seconds, inputs, results, skippable)
SELECT i.task_id, i.workflow_step_id, i.named_step_id, i.named_task_id, i.queue, i.priority, i.retryable, i.retry_limit, i.attempts,
  i.state, i.sort_key, i.state IN ('complete', 'resolved_manually'), i.total_parents, i.unmet_parents, i.children::bigint[],
  CASE WHEN i.is_ready THEN clock_timestamp() END, ${time('i.next_retry_at')}, ${time('i.blocked_at')}, i.task_blocked,
  ${time('i.processed_at')}, ${time('i.last_attempted_at')}, i.backoff_request_seconds, i.inputs, i.results, i.skippable
FROM :steps AS i`,
});

export const insertImportedEdges = defineStatement()({
  name: 'insert_imported_edges',
  params: { edges: rows({ task_id: 'bigint', from_step_id: 'bigint', to_step_id: 'bigint' }) },
  text: `
INSERT INTO tasker.tasker_workflow_step_edges (task_id, from_step_id, to_step_id)
SELECT i.task_id, i.from_step_id, i.to_step_id FROM :edges AS i`,
});

const TRANSITION = {
  sort_key: 'integer',
  from_state: 'text',
  to_state: 'text',
  most_recent: 'boolean',
  metadata: 'jsonb',
  created_at: 'bigint',
} as const;

/** Every row has the cause `inherited`: nothing of this engine caused it. */
export const insertImportedStepHistory = defineStatement()({
  name: 'insert_imported_step_history',
  params: { history: rows({ task_id: 'bigint', workflow_step_id: 'bigint', ...TRANSITION }) },
  text: `
INSERT INTO tasker.tasker_workflow_step_transitions
  (task_id, workflow_step_id, sort_key, from_state, to_state, most_recent, metadata, created_at, cause)
SELECT i.task_id, i.workflow_step_id, i.sort_key, i.from_state, i.to_state, i.most_recent, i.metadata, ${time('i.created_at')},
  'inherited'
FROM :history AS i`,
});

export const insertImportedTaskHistory = defineStatement()({
  name: 'insert_imported_task_history',
  params: { history: rows({ task_id: 'bigint', ...TRANSITION }) },
  text: `
INSERT INTO tasker.tasker_task_transitions
  (task_id, sort_key, from_state, to_state, most_recent, metadata, created_at, cause)
SELECT i.task_id, i.sort_key, i.from_state, i.to_state, i.most_recent, i.metadata, ${time('i.created_at')}, 'inherited'
FROM :history AS i`,
});
