import { type Statement, statement } from '../../statement.ts';
import { lastTransitionSeen, stepHistory } from '../rules/history.ts';
import { microseconds } from '../rules/microseconds.ts';
import { inRange } from './ready-ranges.ts';

export interface ClaimedStepRow {
  task_id: string;
  workflow_step_id: string;
  named_task_id: number;
  attempts: number;
  retry_limit: number;
  /** Seconds between becoming ready and this claim, by the database clock. */
  waited_seconds: number;
  /**
   * What the scan saw, in one of the rows and null in the others: `xmin xid now scanned priority=reached ...`. The snapshot's xmin; the id of this transaction; the time at which
   * the statement began and that at which it updated the first step; for each priority that it took steps of, the time at which
   * the last of them became ready. Times in microseconds since 1970.
   */
  scan: string | null;
  /** JSON text. */
  context: string;
  /** True if that is the step's own, and not its task's; else null, which costs nothing to read. */
  own_input: boolean | null;
  /** JSON text: results of the parents by their ordinal in the workflow; null for a root. */
  parents: string | null;
  /** JSON text: names of the steps that the task does without; null for none. */
  bypass_steps: string | null;
  identity_hash: string;
  /** The step had transitions before this claim. */
  has_history: boolean | null;
}

/** A LIMIT the planner can see keeps it on the index: with a parameter it would plan for a tenth of the table. */
export const CLAIM_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] as const;

/**
 * Takes up to `size` ready steps of one queue, most urgent first.
 * Parameters: claim id, worker id, queue, named task ids that the worker has handlers for, claim ids that are done with, and the
 * columns of the ranges to scan (`rangeColumns`), most urgent first. Each range is one stretch of the index; the next one is scanned
 * only if those before it had too few steps, since a LIMIT takes no more rows than it needs, and a lateral join of an array
 * visits its elements in order.
 *
 * The candidates are locked through the readiness view (index steps_ready), in a MATERIALIZED CTE so that LIMIT holds
 * whatever the plan. A process whose lease was ended gets nothing. Rows that another worker has locked are skipped, so two
 * claims never wait for each other. What is locked is updated at its place (`row_location`); a row whose lock came with a newer
 * version than this statement can see has another place by then, and is left for the next look. A claimed root starts its task:
 * task rows come after step rows and in order of their id, as everywhere. `locking`: where the planner may join in any order
 * they are locked in order beforehand.
 */
const claim = (size: number, locking: boolean) => `
WITH candidate AS MATERIALIZED (
  SELECT ready.row_location, ready.priority, ready.ready_at
  FROM unnest($6::smallint[], $7::timestamptz[], $8::smallint[]) AS range (from_priority, from_ready, to_priority)
  CROSS JOIN LATERAL (
    SELECT r.row_location, r.priority, r.ready_at
    FROM tasker.tasker_step_readiness_statuses r
    WHERE r.ready_for_execution
      AND r.queue = $3
      AND ${inRange('r', 'range')}
      AND r.named_task_id = ANY ($4::integer[])
      AND EXISTS (SELECT FROM tasker.tasker_workers w WHERE w.worker_id = $2 AND w.stopped_at IS NULL)
    ORDER BY r.priority, r.ready_at, r.workflow_step_id
    LIMIT ${size}
    FOR NO KEY UPDATE SKIP LOCKED
  ) ready
  LIMIT ${size}
), claimed AS (
  UPDATE tasker.tasker_workflow_steps s
  SET state = 'in_progress',
      in_process = true,
      ready_at = NULL,
      attempts = s.attempts + 1,
      last_attempted_at = clock_timestamp(),
      backoff_request_seconds = NULL,
      claim_id = $1,
      claimed_by = $2,
      sort_key = s.sort_key + 1
  FROM candidate c
  WHERE s.ctid = c.row_location AND ${lastTransitionSeen('s')}
  RETURNING s.task_id, s.workflow_step_id, s.named_task_id, s.attempts, s.retry_limit, s.total_parents, s.sort_key, s.inputs, s.last_attempted_at, date_part('epoch', s.last_attempted_at - c.ready_at) AS waited_seconds
), ${stepHistory({
  source: 'claimed',
  from: `'pending'`,
  to: `'in_progress'`,
  cause: `'claim'`,
  claimId: '$1',
  workerId: '$2',
  at: 'r.last_attempted_at',
  mayBeFirst: true,
})}, recorded AS (
  INSERT INTO tasker.tasker_claims (claim_id, worker_id, task_ids, workflow_step_ids)
  SELECT $1, $2, array_agg(task_id), array_agg(workflow_step_id) FROM claimed HAVING count(*) > 0
), closed AS (
  DELETE FROM tasker.tasker_claims WHERE claim_id = ANY ($5::uuid[])
), roots AS MATERIALIZED (
  SELECT DISTINCT c.task_id FROM claimed c WHERE c.total_parents = 0 ORDER BY c.task_id
), ${
  locking
    ? `tasks_locked AS MATERIALIZED (
  SELECT t.task_id
  FROM roots b
  JOIN tasker.tasker_tasks t ON t.task_id = b.task_id
  WHERE t.state = 'pending'
  ORDER BY t.task_id
  FOR NO KEY UPDATE OF t
), `
    : ''
}started AS (
  UPDATE tasker.tasker_tasks t
  SET state = 'in_progress', sort_key = t.sort_key + 1
  FROM roots b
  WHERE t.task_id = b.task_id AND t.state = 'pending'${locking ? '\n    AND (SELECT count(*) FROM tasks_locked) >= 0' : ''}
  RETURNING t.task_id, t.sort_key
), task_history AS (
  INSERT INTO tasker.tasker_task_transitions (task_id, sort_key, from_state, to_state, most_recent, cause, worker_id)
  SELECT task_id, sort_key, 'pending', 'in_progress', true, 'claim', $2 FROM started
)
SELECT c.task_id, c.workflow_step_id, c.named_task_id, c.attempts, c.retry_limit, c.waited_seconds,
  CASE WHEN c.workflow_step_id = (SELECT min(x.workflow_step_id) FROM claimed x) THEN
    (SELECT concat_ws(' ', pg_snapshot_xmin(pg_current_snapshot()), pg_current_xact_id_if_assigned(),
        ${microseconds('statement_timestamp()')}, ${microseconds('(SELECT min(x.last_attempted_at) FROM claimed x)')},
        string_agg(x.priority || '=' || ${microseconds('x.ready_at')}, ' '))
      FROM (SELECT y.priority, max(y.ready_at) AS ready_at FROM candidate y GROUP BY y.priority) x) END AS scan,
  coalesce(c.inputs, t.context)::text AS context,
  CASE WHEN c.inputs IS NOT NULL THEN true END AS own_input,
  CASE WHEN c.total_parents > 0 THEN (
    SELECT jsonb_object_agg(e.from_step_id & 65535, p.results)::text
    FROM tasker.tasker_workflow_step_edges e
    JOIN tasker.tasker_workflow_steps p ON p.task_id = e.task_id AND p.workflow_step_id = e.from_step_id
    WHERE e.task_id = c.task_id AND e.to_step_id = c.workflow_step_id
  ) END AS parents,
  t.bypass_steps::text AS bypass_steps, t.identity_hash, CASE WHEN c.sort_key > 1 THEN true END AS has_history
FROM claimed c
JOIN tasker.tasker_tasks t ON t.task_id = c.task_id`;

const bySize = (locking: boolean): ReadonlyMap<number, Statement<ClaimedStepRow>> =>
  new Map(
    CLAIM_SIZES.map((size) => [
      size,
      statement<ClaimedStepRow>(`claim_steps_${size}${locking ? '_locking' : ''}`, claim(size, locking)),
    ]),
  );
const ordered = bySize(false);
const locking = bySize(true);
export const claimStatements = [...ordered.values(), ...locking.values()];

/** The statement that claims the largest batch size not above `limit` (at least 1). `keepsOrder`: of the executor that will run it. */
export function claimStatement(limit: number, keepsOrder: boolean): Statement<ClaimedStepRow> {
  const size = CLAIM_SIZES.findLast((candidate) => candidate <= limit) ?? 1;
  return (keepsOrder ? ordered : locking).get(size) as Statement<ClaimedStepRow>;
}
