import type { JsonChange } from '../../workflow/json-diff.ts';
import { defineStatement } from '../statement.ts';

/** What a task is. */
export interface TaskScopeRow {
  namespace: string;
  workflow: string;
  version: string;
  /** Its place in a trace. */
  trace_context: string | null;
}

const SCOPE = { task_id: 'bigint', namespaces: 'text[] | null' } as const;

const scopeText = (columns: string): string => `
SELECT n.name AS namespace, k.name AS workflow, k.version, t.trace_context${columns}
FROM tasker.tasker_tasks t
JOIN tasker.tasker_named_tasks k ON k.named_task_id = t.named_task_id
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
WHERE t.task_id = :task_id AND (:namespaces::text[] IS NULL OR n.name = ANY (:namespaces::text[]))`;

/**
 * What a task is, for whoever may see the tasks of some namespaces only (null: all): no row for a task of another namespace, as for one that does not
 * exist. Reads by primary key.
 */
export const findTaskScope = defineStatement<TaskScopeRow>()({
  name: 'find_task_scope',
  params: SCOPE,
  text: scopeText(''),
});

/** The same with its revision: another text after each transition of the task or of a step. Reads each of its steps. */
export const findTaskRevision = defineStatement<TaskScopeRow & { revision: string }>()({
  name: 'find_task_revision',
  params: SCOPE,
  text: scopeText(`,
  hashtextextended(t.identity_hash, t.sort_key)::text || '.' || coalesce((
    SELECT sum(s.sort_key)::text || '.' || count(s.ready_at)::text
    FROM tasker.tasker_workflow_steps s
    WHERE s.task_id = t.task_id
  ), '') AS revision`),
});

/** A document as JSON text, with every digit of its numbers, and its length. */
export interface StoredDocument {
  /** Null: it is longer than was asked for. */
  json: string | null;
  bytes: number;
}

/** The input of a task, if it is not longer than `most_bytes`. */
export const findTaskInput = defineStatement<StoredDocument>()({
  name: 'find_task_input',
  params: { task_id: 'bigint', most_bytes: 'integer' },
  text: `
SELECT CASE WHEN octet_length(d.json) <= :most_bytes THEN d.json END AS json, octet_length(d.json) AS bytes
FROM (
  SELECT t.context::text AS json
  FROM tasker.tasker_tasks t
  WHERE t.task_id = :task_id
  OFFSET 0
) d`,
});

/** The input that a step has instead of its task's (without bytes: it has none), and its result, each if it is not longer than `most_bytes`. */
export const findStepDocuments = defineStatement<{
  inputs: string | null;
  input_bytes: number | null;
  result: string | null;
  result_bytes: number | null;
}>()({
  name: 'find_step_documents',
  params: { task_id: 'bigint', step: 'text', most_bytes: 'integer' },
  text: `
SELECT CASE WHEN octet_length(d.inputs) <= :most_bytes THEN d.inputs END AS inputs, octet_length(d.inputs) AS input_bytes,
  CASE WHEN octet_length(d.result) <= :most_bytes THEN d.result END AS result, octet_length(d.result) AS result_bytes
FROM (
  SELECT s.inputs::text AS inputs, s.results::text AS result
  FROM tasker.tasker_workflow_steps s
  JOIN tasker.tasker_named_steps n ON n.named_step_id = s.named_step_id
  WHERE s.task_id = :task_id AND n.name = :step
  OFFSET 0
) d`,
});

/** Whether a task has a step of this name. */
export const stepExists = defineStatement<{ one: number }>()({
  name: 'step_exists',
  params: { task_id: 'bigint', step: 'text' },
  text: `
SELECT 1 AS one
FROM tasker.tasker_workflow_steps s
JOIN tasker.tasker_named_steps n ON n.named_step_id = s.named_step_id
WHERE s.task_id = :task_id AND n.name = :step`,
});

/** The steps of a task, states and times alone, in topological order. */
export const listStepStates = defineStatement<{
  name: string;
  state: string;
  queue: string;
  attempts: number;
  retry_limit: number;
  ready: boolean;
  unmet_parents: number;
  next_retry_at: Date | null;
  blocked_at: Date | null;
  last_attempted_at: Date | null;
  processed_at: Date | null;
  claimed_by: string | null;
  revision: string;
}>()({
  name: 'list_step_states',
  params: { task_id: 'bigint' },
  text: `
SELECT n.name, s.state, s.queue, s.attempts, s.retry_limit, s.ready_at IS NOT NULL AS ready, s.unmet_parents, s.next_retry_at, s.blocked_at,
  s.last_attempted_at, s.processed_at, s.claimed_by, s.sort_key::text AS revision
FROM tasker.tasker_workflow_steps s
JOIN tasker.tasker_named_steps n ON n.named_step_id = s.named_step_id
WHERE s.task_id = :task_id
ORDER BY s.workflow_step_id`,
});

/** What an act has changed of an input: whose it was, and the places that differ. */
export interface StoredEdit {
  of: 'step' | 'task';
  /** At most 100 of them. */
  changes: JsonChange[];
  /** How many further places there are. */
  more: number;
}

/** A transition of a task or of one of its steps, as it is stored. */
export interface HistoryPageRow {
  /** Null: a transition of the task itself. */
  step: string | null;
  from_state: string | null;
  to_state: string;
  cause: string | null;
  error: { name?: string; message?: string; code?: string } | null;
  by: string | null;
  reason: string | null;
  /** Of a retry with another input: a StoredEdit as JSON text, with every digit of its numbers. */
  edited: string | null;
  worker_id: string | null;
  /** With microseconds, in UTC. */
  at: string;
  /** Its place in the order, for the next page. */
  step_id: string;
  sort_key: number;
}

const HISTORY_COLUMNS = `h.from_state, h.to_state, h.cause, h.metadata -> 'error' AS error, h.metadata ->> 'by' AS by, h.metadata ->> 'reason' AS reason,
  h.metadata ->> 'edited' AS edited, h.worker_id, to_char(h.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at, h.workflow_step_id AS step_id, h.sort_key`;

/** A part of the history of one task and its steps, in order of time, behind a place. Reads the history of that task alone. */
export const listHistoryPage = defineStatement<HistoryPageRow>()({
  name: 'list_history_page',
  params: {
    task_id: 'bigint',
    after_at: 'timestamptz | null',
    after_step: 'bigint | null',
    after_key: 'integer | null',
    limit: 'integer',
  },
  text: `
SELECT h.step, ${HISTORY_COLUMNS}
FROM (
  SELECT NULL AS step, 0::bigint AS workflow_step_id, t.sort_key, t.from_state, t.to_state, t.cause, t.metadata, t.created_at, t.worker_id
  FROM tasker.tasker_task_transitions t
  WHERE t.task_id = :task_id
  UNION ALL
  SELECT n.name, t.workflow_step_id, t.sort_key, t.from_state, t.to_state, t.cause, t.metadata, t.created_at, t.worker_id
  FROM tasker.tasker_workflow_step_transitions t
  JOIN tasker.tasker_workflow_steps s ON s.task_id = t.task_id AND s.workflow_step_id = t.workflow_step_id
  JOIN tasker.tasker_named_steps n ON n.named_step_id = s.named_step_id
  WHERE t.task_id = :task_id
) h
WHERE :after_at::timestamptz IS NULL
  OR (h.created_at, h.workflow_step_id, h.sort_key) > (:after_at::timestamptz, :after_step::bigint, :after_key::integer)
ORDER BY h.created_at, h.workflow_step_id, h.sort_key
LIMIT :limit`,
});

/** Every transition of one step, in its order. */
export const listStepTransitions = defineStatement<Omit<HistoryPageRow, 'step'>>()({
  name: 'list_step_transitions',
  params: { task_id: 'bigint', step: 'text' },
  text: `
SELECT ${HISTORY_COLUMNS}
FROM tasker.tasker_workflow_step_transitions h
JOIN tasker.tasker_workflow_steps s ON s.task_id = h.task_id AND s.workflow_step_id = h.workflow_step_id
JOIN tasker.tasker_named_steps n ON n.named_step_id = s.named_step_id
WHERE h.task_id = :task_id AND n.name = :step
ORDER BY h.sort_key`,
});
