import { inRange } from '../claims/ready-ranges.ts';
import { becomesReady } from '../rules/readiness.ts';

/*
 * What a completion does with the children of the steps that it completes: the CTEs of complete_steps between `done` and `recorded`.
 */

/** One bound for the children of all queues, or one for each queue. */
export type Bound = 'one' | 'by queue';
/** `ranked`: there may be more children than the worker may take. */
export type Choice = 'ranked' | 'unranked';

const READY = becomesReady('s', 'u');

/**
 * The child becomes ready and this worker takes it at once: nothing more urgent waits in its queue, and its input is the task's, which the
 * worker may have in memory.
 */
const taken = (bound: Bound): string =>
  `(${READY} AND s.sort_key = 0 AND s.inputs IS NULL AND u.takes AND s.queue = ANY (:queues::text[]) AND s.named_task_id = ANY (:named_task_ids::integer[]) AND s.priority <= ${
    bound === 'one' ? 'u.bound' : 'u.bounds[array_position(:queues::text[], s.queue)]'
  })`;

/** The most urgent ready step in the ranges; one descent of steps_ready for a range that is empty. */
const mostUrgent = (where: string): string => `(
      SELECT min(f.priority)
      FROM :ranges AS range
      CROSS JOIN LATERAL (
        SELECT s.priority
        FROM tasker.tasker_workflow_steps s
        WHERE s.ready_at IS NOT NULL
          AND s.queue = range.queue
          AND ${inRange('s', 'range')}
          AND s.named_task_id = ANY (:named_task_ids::integer[])
        ORDER BY s.priority, s.ready_at
        LIMIT 1
      ) f${where}
    )`;

/** The least urgent priority that a child may have to be taken. Evaluated once for a statement, and only if it may claim. */
const boundColumn: Record<Bound, string> = {
  one: `(SELECT CASE WHEN :claim_limit > 0 THEN coalesce(${mostUrgent('')}, :least_urgent::smallint) END) AS bound`,
  'by queue': `(SELECT CASE WHEN :claim_limit > 0 THEN ARRAY(
      SELECT coalesce(${mostUrgent(' WHERE range.queue = q.queue')}, q.least_urgent)
      FROM unnest(:queues::text[], :least_urgent::smallint[]) WITH ORDINALITY AS q (queue, least_urgent, position)
      ORDER BY q.position
    ) END) AS bounds`,
};

/** The children of the completed steps, with the number of their parents that are done now. */
const CHILDREN = `
      SELECT d.task_id, x.child_id, count(*)::integer AS parents_done
      FROM done d
      CROSS JOIN LATERAL unnest(d.children) AS x (child_id)
      GROUP BY d.task_id, x.child_id
    `;

/** The children in the order of their keys, and whether this worker may take them. */
const unlocking = (mayTake: string, children: string, bound: Bound): string => `unlocking AS MATERIALIZED (
  SELECT c.task_id, c.child_id, c.parents_done,
    ${mayTake}
      AND (SELECT EXISTS (SELECT FROM tasker.tasker_workers w WHERE w.worker_id = :worker_id AND w.stopped_at IS NULL)) AS takes,
    ${boundColumn[bound]}
  FROM (
    ${children}
  ) c
  ORDER BY c.task_id, c.child_id
)`;

export const UNLOCKING: Record<Choice, (bound: Bound) => string> = {
  unranked: (bound) =>
    unlocking(
      ':claim_limit > 0',
      `SELECT g.task_id, g.child_id, g.parents_done
    FROM (${CHILDREN}) g`,
      bound,
    ),
  // The most urgent of the children that will probably be ready are chosen beforehand, from a plain read. With fewer children
  // than the worker may take that read is saved.
  ranked: (bound) =>
    unlocking(
      'c.place <= :claim_limit',
      `SELECT g.task_id, g.child_id, g.parents_done,
      row_number() OVER (ORDER BY s.unmet_parents = g.parents_done DESC, s.priority, g.child_id) AS place
    FROM (${CHILDREN}) g
    JOIN tasker.tasker_workflow_steps s ON s.task_id = g.task_id AND s.workflow_step_id = g.child_id`,
      bound,
    ),
};

/** If the planner may join in any order, the children are locked in order of their keys before they are updated. */
export const CHILDREN_LOCKED = `children_locked AS MATERIALIZED (
  SELECT s.workflow_step_id
  FROM unlocking u
  JOIN tasker.tasker_workflow_steps s ON s.task_id = u.task_id AND s.workflow_step_id = u.child_id
  ORDER BY s.task_id, s.workflow_step_id
  FOR NO KEY UPDATE OF s
)`;

/**
 * Children without an open parent are taken, or made ready (index steps_ready). The two conditions are evaluated once for a child, in a
 * sub-select of its row (OFFSET 0 keeps the planner from repeating them in each column): in each of eight columns they cost 3 % of the
 * server's time for a step. If another session changed the child meanwhile, PostgreSQL evaluates the sub-select again on the new row.
 */
export const unlocked = (bound: Bound, when = ''): string => `unlocked AS (
  UPDATE tasker.tasker_workflow_steps s
  SET unmet_parents = s.unmet_parents - u.parents_done,
      (ready_at, state, in_process, attempts, last_attempted_at, claim_id, claimed_by, sort_key) = (
        SELECT CASE WHEN c.ready AND NOT c.taken THEN clock_timestamp() END,
          CASE WHEN c.taken THEN 'in_progress' ELSE s.state END,
          c.taken,
          s.attempts + c.taken::integer,
          CASE WHEN c.taken THEN clock_timestamp() ELSE s.last_attempted_at END,
          CASE WHEN c.taken THEN :claim_id::uuid END,
          CASE WHEN c.taken THEN :worker_id::bigint END,
          s.sort_key + c.taken::integer
        FROM (SELECT ${READY} AS ready, ${taken(bound)} AS taken OFFSET 0) c)
  FROM unlocking u
  WHERE s.task_id = u.task_id AND s.workflow_step_id = u.child_id${when}
  RETURNING s.task_id, s.workflow_step_id, s.named_task_id, s.queue, s.in_process, s.ready_at, s.retry_limit, s.sort_key,
    s.last_attempted_at
)`;

/** A step is taken by a completion only if nothing ever happened to it, so there is no transition to flip. */
export const CHILD_HISTORY = `child_history AS (
  INSERT INTO tasker.tasker_workflow_step_transitions
    (task_id, workflow_step_id, sort_key, from_state, to_state, most_recent, cause, claim_id, worker_id, created_at)
  SELECT u.task_id, u.workflow_step_id, u.sort_key, 'pending', 'in_progress', true, 'claim', :claim_id, :worker_id, u.last_attempted_at
  FROM unlocked u
  WHERE u.in_process
)`;
