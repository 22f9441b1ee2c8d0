import { defineStatement, rows } from '../../statement.ts';
import { withCtes } from '../ctes.ts';
import { givesIdentity, hashOfGeneration, holderOf, latestGeneration } from '../rules/identity.ts';
import { CREATED, EDGES, NEW_TASK, STEPS, WORKFLOW } from './submit-tasks.ts';

/*
 * Statements for submits whose identity was there before. They run after submit_tasks, which created nothing for these; a submit of a
 * new identity pays nothing for them. Both need a snapshot of their own: submit_tasks waited for a concurrent submit of the same
 * identity, but its snapshot is older than that one's commit.
 */

export interface HolderRow {
  position: number;
  task_id: string;
  input_differs: boolean;
}

/** In the order of task ids, in which they are locked. */
const SOUGHT = `sought AS MATERIALIZED (
  SELECT i.ordinality::integer AS position, i.context, ${holderOf('i.identity_hash')} AS task_id
  FROM :tasks WITH ORDINALITY AS i
  ORDER BY 3
)`;

/**
 * The tasks that hold these identities, by the position of the request (from 1), and whether their input is another value of jsonb.
 * FOR KEY SHARE makes the response wait, on a synchronous replica too, until the task that it names cannot be lost any more:
 * the lock is a write, so this transaction's commit comes after the one that created the task.
 */
export const findTasksByIdentity = defineStatement<HolderRow>()({
  name: 'find_tasks_by_identity',
  params: { tasks: rows({ identity_hash: 'text', context: 'jsonb' }) },
  text: withCtes(
    [SOUGHT],
    `SELECT s.position, h.task_id, h.context <> s.context AS input_differs
FROM sought s
CROSS JOIN LATERAL (
  SELECT t.task_id, t.context
  FROM tasker.tasker_tasks t
  WHERE t.task_id = s.task_id
  FOR KEY SHARE
) h`,
  ),
});

export interface ResubmittedRow {
  identity_hash: string;
  task_id: string | null;
  former_id: string;
}

/** Of requests with one identity the first counts. */
const REQUESTED = `requested AS MATERIALIZED (
  SELECT DISTINCT ON (i.identity_hash) i.*
  FROM :tasks WITH ORDINALITY AS i
  ORDER BY i.identity_hash, i.ordinality
)`;

/** The tasks that hold the identities at present, with the rules of their requests. */
const HOLDER = `holder AS MATERIALIZED (
  SELECT r.identity_hash, r.reuse, r.reuse_after_seconds, coalesce(l.generation, 1) AS generation,
    coalesce(l.task_id, (SELECT f.task_id FROM tasker.tasker_tasks f WHERE f.identity_hash = r.identity_hash)) AS task_id
  FROM requested r
  LEFT JOIN LATERAL (${latestGeneration('r.identity_hash')}) l ON true
  ORDER BY 5
)`;

/**
 * Locked in the order of task ids: an operator's retry and this statement wait for each other, and the later one sees what the earlier
 * one did. The condition is evaluated on the row as it is after the wait.
 */
const GIVEN = `given AS MATERIALIZED (
  SELECT h.identity_hash, h.generation, g.task_id
  FROM holder h
  CROSS JOIN LATERAL (
    SELECT t.task_id
    FROM tasker.tasker_tasks t
    WHERE t.task_id = h.task_id AND ${givesIdentity('t', 'h')}
    FOR NO KEY UPDATE
  ) g
)`;

/** The requests that get an identity, under the hash of its next generation. */
const INPUT = `input AS MATERIALIZED (
  SELECT r.named_task_id, ${hashOfGeneration('r.identity_hash', 'g.generation + 1')} AS identity_hash, r.context, r.priority,
    r.initiator, r.source_system, r.reason, r.tags, r.bypass_steps, r.requested_at, r.trace_context, g.task_id AS position
  FROM given g
  JOIN requested r ON r.identity_hash = g.identity_hash
)`;

/** The created tasks with those that they replace. A generation that another submit created is none of them. */
const REPLACED = `replaced AS (
  SELECT g.identity_hash, g.generation, g.task_id AS former_id, c.task_id
  FROM given g
  JOIN created c ON c.identity_hash = ${hashOfGeneration('g.identity_hash', 'g.generation + 1')}
)`;

/** The first task of an identity is recorded together with the second one. */
const RECORDED = `recorded AS (
  INSERT INTO tasker.tasker_identities (identity_hash, generation, task_id)
  SELECT r.identity_hash, r.generation + 1, r.task_id FROM replaced r
  UNION ALL
  SELECT r.identity_hash, 1, r.former_id FROM replaced r WHERE r.generation = 1
)`;

/**
 * A new version of the former task's row, with the same values. A transaction with an older snapshot (REPEATABLE READ) sees no row of
 * tasker_identities and would let that task go on; now it cannot lock the row any more, and fails with a serialization error. No indexed
 * column changes, so it is a HOT update.
 */
const TOUCHED = `touched AS (
  UPDATE tasker.tasker_tasks t
  SET sort_key = t.sort_key
  FROM replaced r
  WHERE t.task_id = r.former_id
)`;

/**
 * Creates the next task of identities whose present task has ended, as far as the request's rule allows it. `reuse`: `afterFailure` or
 * `afterEnd`; `reuse_after_seconds`: the time that must have passed since that end. Of two statements at once the unique index on
 * identity_hash lets one create the generation; the other creates nothing. Returns the created tasks with the identities of their
 * requests, and for each identity that a request may have and did not get, because of another submit or because its workflow was refused,
 * a row without a task id.
 */
export const resubmitTasks = defineStatement<ResubmittedRow>()({
  name: 'resubmit_tasks',
  params: {
    tasks: rows({ ...NEW_TASK, reuse: 'text', reuse_after_seconds: 'float8 | null' }),
    ...WORKFLOW,
  },
  text: withCtes(
    [REQUESTED, HOLDER, GIVEN, INPUT, CREATED, STEPS, EDGES, REPLACED, RECORDED, TOUCHED],
    `SELECT r.task_id, g.identity_hash, g.task_id AS former_id FROM given g LEFT JOIN replaced r ON r.identity_hash = g.identity_hash`,
  ),
});
