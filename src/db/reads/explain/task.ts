import type { State } from '../../../workflow/states.ts';
import { defineStatement } from '../../statement.ts';
import { successorOf } from '../../statements/rules/identity.ts';

/** The rest of the transaction reads one snapshot. It has to be the first statement of it. */
export const readOneSnapshot = defineStatement()({
  name: 'read_one_snapshot',
  text: `SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY`,
});

export interface ExplainedTaskRow {
  task_id: string;
  namespace: string;
  workflow: string;
  version: string;
  state: State;
  requested_at: Date;
  completed_at: Date | null;
  superseded_by: string | null;
  has_steps: boolean;
  /** The clock of the database, to which every duration refers. */
  now: Date;
}

/** `namespaces`: those whose tasks whoever asks may see (null: all). */
export const findExplainedTask = defineStatement<ExplainedTaskRow>()({
  name: 'find_explained_task',
  params: { task_id: 'bigint', namespaces: 'text[] | null' },
  text: `
SELECT t.task_id, n.name AS namespace, k.name AS workflow, k.version, t.state, t.requested_at, t.completed_at,
  ${successorOf('t')} AS superseded_by,
  EXISTS (SELECT FROM tasker.tasker_workflow_steps s WHERE s.task_id = t.task_id) AS has_steps, statement_timestamp() AS now
FROM tasker.tasker_tasks t
JOIN tasker.tasker_named_tasks k ON k.named_task_id = t.named_task_id
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
WHERE t.task_id = :task_id AND (:namespaces::text[] IS NULL OR n.name = ANY (:namespaces::text[]))`,
});

/** Of an error that is stored, what tells causes apart. */
export interface ExplainedError {
  name: string | null;
  code: string | null;
  message: string | null;
  fingerprint: string | null;
}

/** What decides whether a step that is not done goes on. */
export interface OpenStepRow {
  step_id: string;
  state: State;
  queue: string;
  priority: number;
  attempts: number;
  retry_limit: number;
  unmet_parents: number;
  /** Ids with commas. */
  children: string;
  /** Microseconds since 1970. */
  ready_at: number | null;
  next_retry_at: number | null;
  blocked_at: number | null;
  claimed_by: string | null;
  /** Of a step in error: by which its cause differs from others. */
  cause: string | null;
}

const microseconds = (column: string): string => `(extract(epoch FROM s.${column}) * 1000000)::float8 AS ${column}`;

/** Of a step in error, its last transition. Looked up by its key for each step, whatever the planner believes of the number of steps. */
const lastError = (columns: string): string => `LEFT JOIN LATERAL (
  SELECT ${columns}
  FROM tasker.tasker_workflow_step_transitions e
  WHERE s.state = 'error' AND e.task_id = s.task_id AND e.workflow_step_id = s.workflow_step_id AND e.sort_key = s.sort_key
  OFFSET 0
) x ON true`;

/**
 * The steps of a task that are not done, in topological order: only what all of them are asked for. A task may have thousands, and an explanation
 * says more about a few of them (`findExplainedSteps`).
 */
export const findOpenSteps = defineStatement<OpenStepRow>()({
  name: 'find_open_steps',
  params: { task_id: 'bigint' },
  text: `
SELECT s.workflow_step_id AS step_id, s.state, s.queue, s.priority, s.attempts, s.retry_limit, s.unmet_parents,
  array_to_string(s.children, ',') AS children, ${microseconds('ready_at')}, ${microseconds('next_retry_at')},
  ${microseconds('blocked_at')}, s.claimed_by, x.cause
FROM tasker.tasker_workflow_steps s
${lastError(`coalesce(e.metadata #>> '{error,fingerprint}', e.metadata #>> '{error,name}', '') AS cause`)}
WHERE s.task_id = :task_id AND s.state NOT IN ('complete', 'resolved_manually')
ORDER BY s.workflow_step_id`,
});

export interface ExplainedStepRow {
  step_id: string;
  name: string;
  state: State;
  named_task_id: number;
  named_step_id: number;
  queue: string;
  priority: number;
  attempts: number;
  retry_limit: number;
  total_parents: number;
  unmet_parents: number;
  ready_at: Date | null;
  /** Exact: JavaScript has no microseconds. */
  ready_at_text: string | null;
  next_retry_at: Date | null;
  blocked_at: Date | null;
  processed_at: Date | null;
  last_attempted_at: Date | null;
  claimed_by: string | null;
  /** Of a step in progress: its claim is recorded, so that recovery would find it. */
  claim_recorded: boolean | null;
  /** Of a step in error. */
  error: ExplainedError | null;
  /** When the last transition happened, of a step in error. */
  failed_at: Date | null;
}

/** The texts of errors are cut. Names are looked up by their keys: a join of thousands by nested loops takes seconds. */
const EXPLAINED_STEPS = `
SELECT s.workflow_step_id AS step_id,
  (SELECT n.name FROM tasker.tasker_named_steps n WHERE n.named_step_id = s.named_step_id) AS name, s.state, s.named_task_id,
  s.named_step_id, s.queue, s.priority, s.attempts, s.retry_limit, s.total_parents, s.unmet_parents, s.ready_at,
  s.ready_at::text AS ready_at_text, s.next_retry_at, s.blocked_at, s.processed_at, s.last_attempted_at, s.claimed_by,
  CASE WHEN s.in_process THEN EXISTS (
    SELECT FROM tasker.tasker_claims c
    WHERE c.claim_id = s.claim_id AND c.worker_id = s.claimed_by AND s.workflow_step_id = ANY (c.workflow_step_ids)
  ) END AS claim_recorded,
  x.error, x.failed_at
FROM tasker.tasker_workflow_steps s
${lastError(`jsonb_build_object('name', e.metadata #>> '{error,name}', 'code', e.metadata #>> '{error,code}',
      'message', left(e.metadata #>> '{error,message}', 500), 'fingerprint', e.metadata #>> '{error,fingerprint}') AS error,
    e.created_at AS failed_at`)}`;

/** Some steps of a task, in topological order. */
export const findExplainedSteps = defineStatement<ExplainedStepRow>()({
  name: 'find_explained_steps',
  params: { task_id: 'bigint', step_ids: 'bigint[]' },
  text: `${EXPLAINED_STEPS}
WHERE s.task_id = :task_id AND s.workflow_step_id = ANY (:step_ids::bigint[])
ORDER BY s.workflow_step_id`,
});

/** One step of a task by its name. */
export const findExplainedStep = defineStatement<ExplainedStepRow>()({
  name: 'find_explained_step',
  params: { task_id: 'bigint', step: 'text' },
  text: `${EXPLAINED_STEPS}
WHERE s.task_id = :task_id AND s.named_step_id = (SELECT n.named_step_id FROM tasker.tasker_named_steps n WHERE n.name = :step)`,
});

/** The names of the steps of a task, in topological order. */
export const listStepNames = defineStatement<{ name: string }>()({
  name: 'list_step_names',
  params: { task_id: 'bigint' },
  text: `
SELECT (SELECT n.name FROM tasker.tasker_named_steps n WHERE n.named_step_id = s.named_step_id) AS name
FROM tasker.tasker_workflow_steps s
WHERE s.task_id = :task_id
ORDER BY s.workflow_step_id`,
});
