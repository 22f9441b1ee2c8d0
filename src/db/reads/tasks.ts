import type { StoredError } from '../../workflow/describe-thrown.ts';
import type { State } from '../../workflow/states.ts';
import type { StoredOccurrence } from '../../workflow/task-occurrence.ts';
import { defineStatement } from '../statement.ts';
import { predecessorOf, successorOf } from '../statements/rules/identity.ts';

/** A task as it is stored. Ids are texts; times are the database's. */
export interface TaskRow {
  task_id: string;
  namespace: string;
  workflow: string;
  version: string;
  state: State;
  /** Lower runs sooner. */
  priority: number;
  requested_at: Date;
  completed_at: Date | null;
  initiator: string | null;
  source_system: string | null;
  reason: string | null;
  tags: string[] | null;
  /** The occurrence of a schedule that submitted it; null: none did. */
  schedule: StoredOccurrence | null;
}

/** The columns of a TaskRow, of the tables `t` (tasks), `k` (workflows) and `n` (namespaces). */
export const TASK_COLUMNS = `t.task_id, n.name AS namespace, k.name AS workflow, k.version, t.state, t.priority, t.requested_at, t.completed_at,
  t.initiator, t.source_system, t.reason, t.tags, t.schedule`;

/** A task without its input. */
export interface TaskHeadRow extends TaskRow {
  identity_hash: string;
  superseded_by: string | null;
  replaces: string | null;
  trace_context: string | null;
}

const taskWith = (input: string): string => `
SELECT ${TASK_COLUMNS}${input}, t.identity_hash, ${successorOf('t')} AS superseded_by, ${predecessorOf('t')} AS replaces, t.trace_context
FROM tasker.tasker_tasks t
JOIN tasker.tasker_named_tasks k ON k.named_task_id = t.named_task_id
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
WHERE t.task_id = :task_id`;

/** One task. */
export const findTask = defineStatement<TaskHeadRow & { context: unknown }>()({
  name: 'find_task',
  params: { task_id: 'bigint' },
  text: taskWith(', t.context'),
});

/** One task without its input, which may be large. */
export const findTaskHead = defineStatement<TaskHeadRow>()({
  name: 'find_task_head',
  params: { task_id: 'bigint' },
  text: taskWith(''),
});

/** A step of a task as it is stored. */
export interface StepRow {
  workflow_step_id: string;
  name: string;
  state: State;
  queue: string;
  /** Attempts that began and were not given back. */
  attempts: number;
  retry_limit: number;
  retryable: boolean;
  ready: boolean;
  /** Parents that are not done. */
  unmet_parents: number;
  /** When its backoff is over. */
  next_retry_at: Date | null;
  /** Since when it waits for an operator. */
  blocked_at: Date | null;
  last_attempted_at: Date | null;
  processed_at: Date | null;
  /** The id of the worker that runs it. */
  claimed_by: string | null;
  /** What its handler returned. */
  results: unknown;
  parents: string[];
  /** The newest error of any attempt, also of a step that completed later. */
  last_error: StoredError | null;
}

/** A step without its result, which may be large. */
export type StepHeadRow = Omit<StepRow, 'results'>;

/** The columns of a StepRow, of the tables `s` (steps) and `n` (their names). `task`: see `headColumns`. */
export const stepColumns = (task: string): string => `${headColumns(task)}, s.results`;

/**
 * Without the result, which may be large. `task`: the task; as a parameter it lets PostgreSQL open one partition of the history instead of all.
 */
const headColumns = (
  task: string,
): string => `s.workflow_step_id, n.name, s.state, s.queue, s.attempts, s.retry_limit, s.retryable, s.ready_at IS NOT NULL AS ready,
  s.unmet_parents, s.next_retry_at, s.blocked_at, s.last_attempted_at, s.processed_at, s.claimed_by,
  ARRAY(
    SELECT pn.name
    FROM tasker.tasker_workflow_step_edges e
    JOIN tasker.tasker_workflow_steps p ON p.task_id = e.task_id AND p.workflow_step_id = e.from_step_id
    JOIN tasker.tasker_named_steps pn ON pn.named_step_id = p.named_step_id
    WHERE e.task_id = s.task_id AND e.to_step_id = s.workflow_step_id
    ORDER BY e.from_step_id) AS parents,
  (
    SELECT t.metadata -> 'error'
    FROM tasker.tasker_workflow_step_transitions t
    WHERE t.task_id = ${task} AND t.workflow_step_id = s.workflow_step_id AND t.to_state = 'error'
    ORDER BY t.sort_key DESC
    LIMIT 1) AS last_error`;

const stepsWith = (columns: string): string => `
SELECT ${columns}
FROM tasker.tasker_workflow_steps s
JOIN tasker.tasker_named_steps n ON n.named_step_id = s.named_step_id
WHERE s.task_id = :task_id
ORDER BY s.workflow_step_id`;

/** The steps of one task in topological order, with their parents' names and their newest error. */
export const findTaskSteps = defineStatement<StepRow>()({
  name: 'find_task_steps',
  params: { task_id: 'bigint' },
  text: stepsWith(stepColumns(':task_id')),
});

/** As `findTaskSteps`, without results. */
export const findTaskStepHeads = defineStatement<StepHeadRow>()({
  name: 'find_task_step_heads',
  params: { task_id: 'bigint' },
  text: stepsWith(headColumns(':task_id')),
});

/** How many steps of one task are in each state. Reads its steps by the primary key. */
export const countTaskSteps = defineStatement<{ state: State; steps: number }>()({
  name: 'count_task_steps',
  params: { task_id: 'bigint' },
  text: `
SELECT s.state, count(*)::integer AS steps
FROM tasker.tasker_workflow_steps s
WHERE s.task_id = :task_id
GROUP BY s.state`,
});

/** One step of a task, by its name, without its result. Its parents and its newest error are looked up for it alone. */
export const findTaskStep = defineStatement<StepHeadRow & { task_state: State; superseded: boolean }>()({
  name: 'find_task_step',
  params: { task_id: 'bigint', step: 'text' },
  text: `
SELECT ${headColumns(':task_id')}, t.state AS task_state, ${successorOf('t')} IS NOT NULL AS superseded
FROM tasker.tasker_workflow_steps s
JOIN tasker.tasker_named_steps n ON n.named_step_id = s.named_step_id
JOIN tasker.tasker_tasks t ON t.task_id = s.task_id
WHERE s.task_id = :task_id AND n.name = :step`,
});
