import { type Statement, statement } from '../../statement.ts';
import { stepHistory, taskHistory } from '../rules/history.ts';
import { inRange } from '../claims/ready-ranges.ts';

/**
 * One row per kind of thing that the worker has to know; lists are comma-separated, entry n of one belongs to entry n of the
 * others: a batch of hundreds of steps is answered in a handful of rows.
 */
export interface CompletionRow {
  kind: 'lost' | 'claimed' | 'ready' | 'task_complete' | 'settle';
  /** Of steps for `lost` and `claimed`, of tasks for `task_complete` and `settle`. */
  ids: string | null;
  /** Of the claimed steps. */
  named_task_ids: string | null;
  retry_limits: string | null;
  /** For `ready`: a queue that children were left to. */
  queue: string | null;
  ready_steps: number | null;
}

/** The child becomes ready by this completion. Every column is of the row that the UPDATE holds, none of an older snapshot. */
const READY = `s.state = 'pending' AND s.unmet_parents = u.parents_done AND s.attempts < s.retry_limit`;
/** One bound for the children of all queues, or one for each queue. */
type Bound = 'one' | 'by queue';
/** And this worker takes it at once: nothing more urgent waits in its queue, and its input is the task's, which may be at hand. */
const taken = (bound: Bound): string =>
  `(${READY} AND s.sort_key = 0 AND s.inputs IS NULL AND u.takes AND s.queue = ANY ($8::text[]) AND s.named_task_id = ANY ($9::integer[]) AND s.priority <= ${
    bound === 'one' ? 'u.bound' : 'u.bounds[array_position($8::text[], s.queue)]'
  })`;

/** The most urgent ready step in the ranges; one descent of steps_ready for a range that is empty. */
const mostUrgent = (where: string): string => `(
      SELECT min(f.priority)
      FROM unnest($11::text[], $12::smallint[], $13::timestamptz[], $14::smallint[])
        AS range (queue, from_priority, from_ready, to_priority)
      CROSS JOIN LATERAL (
        SELECT s.priority
        FROM tasker.tasker_workflow_steps s
        WHERE s.ready_at IS NOT NULL
          AND s.queue = range.queue
          AND ${inRange('s', 'range')}
          AND s.named_task_id = ANY ($9::integer[])
        ORDER BY s.priority, s.ready_at
        LIMIT 1
      ) f${where}
    )`;
/** Evaluated once for a statement, and only if it may claim. */
const boundColumn: Record<Bound, string> = {
  one: `(SELECT CASE WHEN $7 > 0 THEN coalesce(${mostUrgent('')}, $15::smallint) END) AS bound`,
  'by queue': `(SELECT CASE WHEN $7 > 0 THEN ARRAY(
      SELECT coalesce(${mostUrgent(' WHERE range.queue = q.queue')}, q.least_urgent)
      FROM unnest($8::text[], $15::smallint[]) WITH ORDINALITY AS q (queue, least_urgent, position)
      ORDER BY q.position
    ) END) AS bounds`,
};

/**
 * Completes a batch of a worker's own steps, unlocks their children, and claims for the same worker those children that it
 * can run at once: complete -> unlock -> claim in one round trip.
 *
 * Parameters: task ids, step ids, claim ids, results (jsonb as text), new claim id, worker id, how many children may be
 * claimed, queues the worker serves, named task ids it has handlers for, claim ids that are done with, queues and columns of
 * the ranges in which a more urgent step may be ready (`rangeColumns`), the least urgent priority of children to claim if there is none
 * (`one`: one for all; `by queue`: one for each queue).
 *
 * Locks, in the order that every statement keeps: the worker's own steps (by key), the children (by key), the tasks whose
 * sink ended (by id). A child's row lock serialises two parents that end together: the second waits, and PostgreSQL then
 * evaluates its UPDATE again on the row as the first left it. That is why every value is computed from the row itself
 * (`s`, `t`) and the number of parents done, and none from an earlier read of it: no value can be stale, and CHECK
 * constraints, which PostgreSQL evaluates before it finds out that a row is stale, see a row consistent in itself.
 * A child left over is made ready (index steps_ready). A step whose claim was lost changes nothing and comes back as `lost`.
 *
 * `scarce`: there may be more children than the worker may take. Then the most urgent of those that will probably be ready
 * are chosen beforehand from a plain read; in the ordinary case that read is saved.
 *
 * `locking`: the planner may join in any order, so children and tasks are locked in order of their keys before they are
 * updated. Sessions that join by nested loops alone do without.
 */
const complete = (scarce: boolean, locking: boolean, bound: Bound): string => `
WITH done AS (
  UPDATE tasker.tasker_workflow_steps s
  SET state = 'complete',
      in_process = false,
      processed = true,
      processed_at = clock_timestamp(),
      results = f.results,
      claim_id = NULL,
      claimed_by = NULL,
      sort_key = s.sort_key + 1
  FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::jsonb[]) AS f (task_id, workflow_step_id, claim_id, results)
  WHERE s.task_id = f.task_id AND s.workflow_step_id = f.workflow_step_id AND s.claim_id = f.claim_id AND s.in_process
  RETURNING s.task_id, s.workflow_step_id, s.children, s.sort_key, s.task_blocked, s.processed_at, f.claim_id
), ${stepHistory({
  source: 'done',
  from: `'in_progress'`,
  to: `'complete'`,
  cause: `'complete'`,
  claimId: 'r.claim_id',
  workerId: '$6',
  at: 'r.processed_at',
})}, unlocking AS MATERIALIZED (
  SELECT c.task_id, c.child_id, c.parents_done,
    ${scarce ? 'c.place <= $7' : '$7 > 0'}
      AND (SELECT EXISTS (SELECT FROM tasker.tasker_workers w WHERE w.worker_id = $6 AND w.stopped_at IS NULL)) AS takes,
    ${boundColumn[bound]}
  FROM (
    SELECT g.task_id, g.child_id, g.parents_done${
      scarce
        ? `,
      row_number() OVER (ORDER BY s.unmet_parents = g.parents_done DESC, s.priority, g.child_id) AS place`
        : ''
    }
    FROM (
      SELECT d.task_id, x.child_id, count(*)::integer AS parents_done
      FROM done d
      CROSS JOIN LATERAL unnest(d.children) AS x (child_id)
      GROUP BY d.task_id, x.child_id
    ) g${
      scarce
        ? `
    JOIN tasker.tasker_workflow_steps s ON s.task_id = g.task_id AND s.workflow_step_id = g.child_id`
        : ''
    }
  ) c
  ORDER BY c.task_id, c.child_id
), ${
  locking
    ? `children_locked AS MATERIALIZED (
  SELECT s.workflow_step_id
  FROM unlocking u
  JOIN tasker.tasker_workflow_steps s ON s.task_id = u.task_id AND s.workflow_step_id = u.child_id
  ORDER BY s.task_id, s.workflow_step_id
  FOR NO KEY UPDATE OF s
), `
    : ''
}unlocked AS (
  UPDATE tasker.tasker_workflow_steps s
  SET unmet_parents = s.unmet_parents - u.parents_done,
      ready_at = CASE WHEN ${READY} AND NOT ${taken(bound)} THEN clock_timestamp() END,
      state = CASE WHEN ${taken(bound)} THEN 'in_progress' ELSE s.state END,
      in_process = ${taken(bound)},
      attempts = s.attempts + ${taken(bound)}::integer,
      last_attempted_at = CASE WHEN ${taken(bound)} THEN clock_timestamp() ELSE s.last_attempted_at END,
      claim_id = CASE WHEN ${taken(bound)} THEN $5::uuid END,
      claimed_by = CASE WHEN ${taken(bound)} THEN $6::bigint END,
      sort_key = s.sort_key + ${taken(bound)}::integer
  FROM unlocking u
  WHERE s.task_id = u.task_id AND s.workflow_step_id = u.child_id${locking ? '\n    AND (SELECT count(*) FROM children_locked) >= 0' : ''}
  RETURNING s.task_id, s.workflow_step_id, s.named_task_id, s.queue, s.in_process, s.ready_at, s.retry_limit, s.sort_key,
    s.last_attempted_at
), child_history AS (
  INSERT INTO tasker.tasker_workflow_step_transitions
    (task_id, workflow_step_id, sort_key, from_state, to_state, most_recent, cause, claim_id, worker_id, created_at)
  SELECT u.task_id, u.workflow_step_id, u.sort_key, 'pending', 'in_progress', true, 'claim', $5, $6, u.last_attempted_at
  FROM unlocked u
  WHERE u.in_process
), recorded AS (
  INSERT INTO tasker.tasker_claims (claim_id, worker_id, task_ids, workflow_step_ids)
  SELECT $5, $6, array_agg(u.task_id), array_agg(u.workflow_step_id)
  FROM unlocked u
  WHERE u.in_process
  HAVING count(*) > 0
), closed AS (
  DELETE FROM tasker.tasker_claims WHERE claim_id = ANY ($10::uuid[])
), sinks AS MATERIALIZED (
  SELECT d.task_id, count(*)::integer AS sinks_done
  FROM done d
  WHERE d.children = '{}'
  GROUP BY d.task_id
  ORDER BY d.task_id
), ${
  locking
    ? `tasks_locked AS MATERIALIZED (
  SELECT t.task_id
  FROM sinks n
  JOIN tasker.tasker_tasks t ON t.task_id = n.task_id
  WHERE (SELECT count(*) FROM unlocked) >= 0
  ORDER BY t.task_id
  FOR NO KEY UPDATE OF t
), `
    : ''
}ended AS (
  UPDATE tasker.tasker_tasks t
  SET unfinished_sinks = t.unfinished_sinks - n.sinks_done,
      state = CASE WHEN t.unfinished_sinks = n.sinks_done AND t.state = 'in_progress' THEN 'complete' ELSE t.state END,
      complete = t.unfinished_sinks = n.sinks_done AND t.state = 'in_progress',
      completed_at = CASE WHEN t.unfinished_sinks = n.sinks_done AND t.state = 'in_progress' THEN clock_timestamp() END,
      sort_key = t.sort_key + (t.unfinished_sinks = n.sinks_done AND t.state = 'in_progress')::integer
  FROM sinks n
  WHERE t.task_id = n.task_id
    AND (SELECT count(*) FROM ${locking ? 'tasks_locked' : 'unlocked'}) >= 0
  RETURNING t.task_id, t.sort_key, t.complete
), ${taskHistory({ source: 'ended', from: `'in_progress'`, to: `'complete'`, cause: `'complete'`, workerId: '$6', where: 'r.complete' })}
SELECT 'lost' AS kind, string_agg(f.workflow_step_id::text, ',') AS ids, NULL AS named_task_ids, NULL AS retry_limits, NULL AS queue,
  NULL::integer AS ready_steps
FROM unnest($1::bigint[], $2::bigint[]) AS f (task_id, workflow_step_id)
WHERE (SELECT count(*) FROM done) < cardinality($2::bigint[])
  AND NOT EXISTS (SELECT FROM done d WHERE d.task_id = f.task_id AND d.workflow_step_id = f.workflow_step_id)
UNION ALL
SELECT 'claimed', string_agg(u.workflow_step_id::text, ','), string_agg(u.named_task_id::text, ','),
  string_agg(u.retry_limit::text, ','), NULL, NULL
FROM unlocked u
WHERE u.in_process
UNION ALL
SELECT 'ready', NULL, NULL, NULL, u.queue, count(*)::integer
FROM unlocked u
WHERE u.ready_at IS NOT NULL
GROUP BY u.queue
UNION ALL
SELECT 'task_complete', string_agg(e.task_id::text, ','), NULL, NULL, NULL, NULL
FROM ended e
WHERE e.complete
UNION ALL
SELECT 'settle', string_agg(DISTINCT d.task_id::text, ','), NULL, NULL, NULL, NULL
FROM done d
WHERE d.task_blocked`;

const variant = (scarce: boolean, locking: boolean, bound: Bound): Statement<CompletionRow> =>
  statement<CompletionRow>(
    `complete_steps${scarce ? '_scarce' : ''}${locking ? '_locking' : ''}${bound === 'one' ? '' : '_by_queue'}`,
    complete(scarce, locking, bound),
  );
const variants = (bound: Bound) => ({
  plenty: { ordered: variant(false, false, bound), locking: variant(false, true, bound) },
  scarce: { ordered: variant(true, false, bound), locking: variant(true, true, bound) },
});
const byBound = { one: variants('one'), 'by queue': variants('by queue') };
export const completeStatements = Object.values(byBound).flatMap(({ plenty, scarce }) => [
  ...Object.values(plenty),
  ...Object.values(scarce),
]);

/**
 * The statement for a batch with `children` children of which `claimLimit` may be claimed. `keepsOrder`: of the executor that
 * will run it. `bound`: what the last parameter is.
 */
export function completeStatement(batch: {
  children: number;
  claimLimit: number;
  keepsOrder: boolean;
  bound?: Bound;
}): Statement<CompletionRow> {
  const { plenty, scarce } = byBound[batch.bound ?? 'one'];
  const { ordered, locking } = batch.claimLimit === 0 || batch.children <= batch.claimLimit ? plenty : scarce;
  return batch.keepsOrder ? ordered : locking;
}

/** Reads one value and stores nothing: whether the value, and not its statement or the moment, is refused. Parameter: JSON text. */
export const parseValue = statement('parse_value', 'SELECT $1::jsonb IS NULL AS nothing');
