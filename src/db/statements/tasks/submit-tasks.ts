import { statement } from '../../statement.ts';

export interface SubmittedTaskRow {
  task_id: string;
  identity_hash: string;
}

/**
 * Creates tasks with their steps and edges, any number in one statement. Rows whose identity exists create nothing.
 * Parameters (arrays, one entry per task): named task ids, identity hashes, contexts, priorities, initiators, source
 * systems, reasons, tags, bypassed step names, times of request (null: now); then namespace, name and version of the workflow
 * that all of them are of (null: not compared).
 *
 * If the named task id is not registered under these names, nothing is created: a remembered id may come from another database,
 * or from a state of this one that was lost, and belong to another workflow here. Name and version are on a row that is read
 * anyway; the namespace is one index lookup per batch.
 *
 * Step ids are task_id * 65536 + ordinal, so that children and edges are known without reading back a sequence. A root is
 * ready from the start; the initial state `pending` has no transition row. Returns the created tasks.
 */
export const submitTasks = statement<SubmittedTaskRow>(
  'submit_tasks',
  `
WITH input AS MATERIALIZED (
  SELECT i.*, i.ordinality AS position
  FROM unnest($1::integer[], $2::text[], $3::jsonb[], $4::smallint[], $5::text[], $6::text[], $7::text[], $8::jsonb[],
      $9::jsonb[], $10::timestamptz[]) WITH ORDINALITY
    AS i (named_task_id, identity_hash, context, priority, initiator, source_system, reason, tags, bypass_steps, requested_at,
      ordinality)
), created AS (
  INSERT INTO tasker.tasker_tasks
    (named_task_id, identity_hash, context, priority, initiator, source_system, reason, tags, bypass_steps, requested_at,
     unfinished_sinks)
  SELECT i.named_task_id, i.identity_hash, i.context, coalesce(i.priority, 0), i.initiator, i.source_system, i.reason, i.tags,
    i.bypass_steps, coalesce(i.requested_at, clock_timestamp()), n.sinks
  FROM input i
  JOIN tasker.tasker_named_tasks n ON n.named_task_id = i.named_task_id
  WHERE $12::text IS NULL
    OR (n.name = $12 AND n.version = $13::text
      AND n.task_namespace_id = (SELECT s.task_namespace_id FROM tasker.tasker_task_namespaces s WHERE s.name = $11::text))
  ORDER BY i.position
  ON CONFLICT (identity_hash) DO NOTHING
  RETURNING task_id, named_task_id, identity_hash
), steps AS (
  INSERT INTO tasker.tasker_workflow_steps
    (task_id, workflow_step_id, named_step_id, named_task_id, queue, priority, retryable, retry_limit, skippable,
     total_parents, unmet_parents, children, ready_at)
  SELECT c.task_id, c.task_id * 65536 + t.ordinal, t.named_step_id, c.named_task_id, t.queue,
    coalesce(i.priority, t.priority), t.default_retryable, t.default_retry_limit, t.skippable,
    cardinality(t.parents), cardinality(t.parents),
    ARRAY(SELECT c.task_id * 65536 + x.ordinal FROM unnest(t.children) AS x (ordinal)),
    CASE WHEN cardinality(t.parents) = 0 AND t.default_retry_limit > 0 THEN clock_timestamp() END
  FROM created c
  JOIN (SELECT DISTINCT ON (identity_hash) identity_hash, priority FROM input) i ON i.identity_hash = c.identity_hash
  JOIN tasker.tasker_named_tasks_named_steps t ON t.named_task_id = c.named_task_id
  ORDER BY c.task_id, t.ordinal
), edges AS (
  INSERT INTO tasker.tasker_workflow_step_edges (task_id, from_step_id, to_step_id)
  SELECT c.task_id, c.task_id * 65536 + p.ordinal, c.task_id * 65536 + t.ordinal
  FROM created c
  JOIN tasker.tasker_named_tasks_named_steps t ON t.named_task_id = c.named_task_id
  CROSS JOIN LATERAL unnest(t.parents) AS p (ordinal)
)
SELECT task_id, identity_hash FROM created`,
);

/**
 * The tasks that already have these identities. Parameter: identity hashes.
 * FOR KEY SHARE makes the answer wait, on a synchronous replica too, until the task that it names cannot be lost any more:
 * the lock is a write, so this transaction's commit is behind the one that created the task.
 */
export const findTasksByIdentity = statement<SubmittedTaskRow>(
  'find_tasks_by_identity',
  `
SELECT task_id, identity_hash
FROM tasker.tasker_tasks
WHERE identity_hash = ANY ($1::text[])
FOR KEY SHARE`,
);
