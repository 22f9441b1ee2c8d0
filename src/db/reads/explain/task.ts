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
  /** The clock of the database, to which every duration refers. */
  now: Date;
}

export const findExplainedTask = defineStatement<ExplainedTaskRow>()({
  name: 'find_explained_task',
  params: { task_id: 'bigint' },
  text: `
SELECT t.task_id, n.name AS namespace, k.name AS workflow, k.version, t.state, t.requested_at, t.completed_at,
  ${successorOf('t')} AS superseded_by, statement_timestamp() AS now
FROM tasker.tasker_tasks t
JOIN tasker.tasker_named_tasks k ON k.named_task_id = t.named_task_id
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
WHERE t.task_id = :task_id`,
});

/** Of an error that is stored, what tells causes apart. */
export interface ExplainedError {
  name: string | null;
  code: string | null;
  message: string | null;
  fingerprint: string | null;
}

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
  unmet_parents: number;
  children: string[];
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

/**
 * The steps of a task in topological order. The texts of errors are cut: a task may have thousands of failed steps. Names and errors are looked
 * up by their keys for each step, whatever the planner believes of the number of steps: a join of thousands by nested loops takes seconds.
 */
export const findExplainedSteps = defineStatement<ExplainedStepRow>()({
  name: 'find_explained_steps',
  params: { task_id: 'bigint' },
  text: `
SELECT s.workflow_step_id AS step_id,
  (SELECT n.name FROM tasker.tasker_named_steps n WHERE n.named_step_id = s.named_step_id) AS name, s.state, s.named_task_id, s.named_step_id, s.queue, s.priority, s.attempts, s.retry_limit,
  s.unmet_parents, s.children, s.ready_at, s.ready_at::text AS ready_at_text, s.next_retry_at, s.blocked_at, s.processed_at,
  s.last_attempted_at, s.claimed_by,
  CASE WHEN s.in_process THEN EXISTS (
    SELECT FROM tasker.tasker_claims c
    WHERE c.claim_id = s.claim_id AND c.worker_id = s.claimed_by AND s.workflow_step_id = ANY (c.workflow_step_ids)
  ) END AS claim_recorded,
  x.error, x.failed_at
FROM tasker.tasker_workflow_steps s
LEFT JOIN LATERAL (
  SELECT jsonb_build_object('name', e.metadata #>> '{error,name}', 'code', e.metadata #>> '{error,code}',
      'message', left(e.metadata #>> '{error,message}', 500), 'fingerprint', e.metadata #>> '{error,fingerprint}') AS error,
    e.created_at AS failed_at
  FROM tasker.tasker_workflow_step_transitions e
  WHERE s.state = 'error' AND e.task_id = s.task_id AND e.workflow_step_id = s.workflow_step_id AND e.sort_key = s.sort_key
  OFFSET 0
) x ON true
WHERE s.task_id = :task_id
ORDER BY s.workflow_step_id`,
});
