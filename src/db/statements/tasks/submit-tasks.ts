import { defineStatement, rows } from '../../statement.ts';
import { withCtes } from '../ctes.ts';
import { readyAtSubmit } from '../rules/readiness.ts';
import { stepId } from '../rules/step-id.ts';

export interface SubmittedTaskRow {
  task_id: string;
  identity_hash: string;
}

/** What a submit says of each task. */
export const NEW_TASK = {
  named_task_id: 'integer',
  identity_hash: 'text',
  context: 'jsonb',
  priority: 'smallint | null',
  initiator: 'text | null',
  source_system: 'text | null',
  reason: 'text | null',
  tags: 'jsonb | null',
  bypass_steps: 'jsonb | null',
  /** Null: now. */
  requested_at: 'timestamptz | null',
  /** Null: it is not traced. */
  trace_context: 'text | null',
} as const;

/** The workflow that all of the tasks are of; null: not compared. */
export const WORKFLOW = { namespace: 'text | null', name: 'text | null', version: 'text | null' } as const;

/** The tasks in the order in which they were given, so that ids follow it. */
const INPUT = `input AS MATERIALIZED (
  SELECT i.*, i.ordinality AS position
  FROM :tasks WITH ORDINALITY AS i
)`;

/**
 * If the named task id is not registered under these names, nothing is created: an id that a client has in memory may come from
 * another database, or from a state of this one that was lost, and belong to another workflow here. Name and version are on a row that is read
 * anyway; the namespace is one index look-up per batch.
 */
export const CREATED = `created AS (
  INSERT INTO tasker.tasker_tasks
    (named_task_id, identity_hash, context, priority, initiator, source_system, reason, tags, bypass_steps, requested_at,
     trace_context, unfinished_sinks)
  SELECT i.named_task_id, i.identity_hash, i.context, coalesce(i.priority, 0), i.initiator, i.source_system, i.reason, i.tags,
    i.bypass_steps, coalesce(i.requested_at, clock_timestamp()), i.trace_context, n.sinks
  FROM input i
  JOIN tasker.tasker_named_tasks n ON n.named_task_id = i.named_task_id
  WHERE :name::text IS NULL
    OR (n.name = :name AND n.version = :version::text
      AND n.task_namespace_id = (SELECT s.task_namespace_id FROM tasker.tasker_task_namespaces s WHERE s.name = :namespace::text))
  ORDER BY i.position
  ON CONFLICT (identity_hash) DO NOTHING
  RETURNING task_id, named_task_id, identity_hash
)`;

/** A root is ready from the start; the initial state `pending` has no transition row. */
export const STEPS = `steps AS (
  INSERT INTO tasker.tasker_workflow_steps
    (task_id, workflow_step_id, named_step_id, named_task_id, queue, priority, retryable, retry_limit, skippable,
     total_parents, unmet_parents, children, ready_at)
  SELECT c.task_id, ${stepId('c.task_id', 't.ordinal')}, t.named_step_id, c.named_task_id, t.queue,
    coalesce(i.priority, t.priority), t.default_retryable, t.default_retry_limit, t.skippable,
    cardinality(t.parents), cardinality(t.parents),
    ARRAY(SELECT ${stepId('c.task_id', 'x.ordinal')} FROM unnest(t.children) AS x (ordinal)),
    CASE WHEN ${readyAtSubmit('t')} THEN clock_timestamp() END
  FROM created c
  JOIN (SELECT DISTINCT ON (identity_hash) identity_hash, priority FROM input) i ON i.identity_hash = c.identity_hash
  JOIN tasker.tasker_named_tasks_named_steps t ON t.named_task_id = c.named_task_id
  ORDER BY c.task_id, t.ordinal
)`;

/** From each parent to each of its children, by the templates. */
export const EDGES = `edges AS (
  INSERT INTO tasker.tasker_workflow_step_edges (task_id, from_step_id, to_step_id)
  SELECT c.task_id, ${stepId('c.task_id', 'p.ordinal')}, ${stepId('c.task_id', 't.ordinal')}
  FROM created c
  JOIN tasker.tasker_named_tasks_named_steps t ON t.named_task_id = c.named_task_id
  CROSS JOIN LATERAL unnest(t.parents) AS p (ordinal)
)`;

/**
 * Creates tasks with their steps and edges, any number in one statement. Rows whose identity exists create nothing. Returns the created
 * tasks.
 *
 * Step ids are computed from task ids, so children and edges are known without reading back a sequence.
 */
export const submitTasks = defineStatement<SubmittedTaskRow>()({
  name: 'submit_tasks',
  params: { tasks: rows(NEW_TASK), ...WORKFLOW },
  text: withCtes([INPUT, CREATED, STEPS, EDGES], `SELECT task_id, identity_hash FROM created`),
});
