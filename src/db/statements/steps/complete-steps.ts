import type { Plans } from '../../connections/session-settings.ts';
import { defineStatement, rows } from '../../statement.ts';
import { RANGE } from '../claims/ready-ranges.ts';
import { after, withCtes } from '../ctes.ts';
import { ATTEMPT, heldBy } from '../rules/claim-fence.ts';
import { stepHistory, TASK_RANGE, taskHistory, TASKS_OF_BATCH } from '../rules/history.ts';
import {
  type Bound,
  CHILD_HISTORY,
  CHILDREN_LOCKED,
  type Choice,
  unlocked,
  UNLOCKING,
} from './complete-steps-children.ts';

/**
 * One row per kind of outcome; lists are comma-separated, entry n of one belongs to entry n of the
 * others: the response to a batch of hundreds of steps is a handful of rows.
 */
export interface CompletionRow {
  kind: 'lost' | 'claimed' | 'ready' | 'task_complete' | 'finalize';
  /** Of steps for `lost` and `claimed`, of tasks for `task_complete` and `finalize`. */
  ids: string | null;
  /** Of the claimed steps. */
  named_task_ids: string | null;
  retry_limits: string | null;
  /** For `ready`: a queue that children were left to. */
  queue: string | null;
  ready_steps: number | null;
}

/** The worker's own steps. A step whose claim was lost changes nothing and comes back as `lost`. */
const DONE = `done AS (
  UPDATE tasker.tasker_workflow_steps s
  SET state = 'complete',
      in_process = false,
      processed = true,
      processed_at = clock_timestamp(),
      results = f.results,
      claim_id = NULL,
      claimed_by = NULL,
      sort_key = s.sort_key + 1
  FROM :steps AS f
  WHERE ${heldBy('s', 'f')}
  RETURNING s.task_id, s.workflow_step_id, s.children, s.sort_key, s.task_blocked, s.processed_at, f.claim_id
)`;

const DONE_HISTORY = stepHistory({
  source: 'done',
  from: `'in_progress'`,
  to: `'complete'`,
  cause: `'complete'`,
  claimId: 'r.claim_id',
  workerId: ':worker_id',
  at: 'r.processed_at',
  tasks: TASKS_OF_BATCH,
});

/** The new claim, by which recovery finds the children if this process dies. */
const RECORDED = `recorded AS (
  INSERT INTO tasker.tasker_claims (claim_id, worker_id, task_ids, workflow_step_ids)
  SELECT :claim_id, :worker_id, array_agg(u.task_id), array_agg(u.workflow_step_id)
  FROM unlocked u
  WHERE u.in_process
  HAVING count(*) > 0
)`;

/** Claims of this worker all of whose steps have ended. */
const CLOSED = `closed AS (
  DELETE FROM tasker.tasker_claims WHERE claim_id = ANY (:closed_claims::uuid[])
)`;

/** The tasks whose sinks are among the completed steps. */
const SINKS = `sinks AS MATERIALIZED (
  SELECT d.task_id, count(*)::integer AS sinks_done
  FROM done d
  WHERE d.children = '{}'
  GROUP BY d.task_id
  ORDER BY d.task_id
)`;

/** If the planner may join in any order, the tasks are locked in order of their ids, after the children. */
const TASKS_LOCKED = `tasks_locked AS MATERIALIZED (
  SELECT t.task_id
  FROM sinks n
  JOIN tasker.tasker_tasks t ON t.task_id = n.task_id
  WHERE ${after('unlocked')}
  ORDER BY t.task_id
  FOR NO KEY UPDATE OF t
)`;

/** A task is complete when its last sink is. */
const ended = (when: string): string => `ended AS (
  UPDATE tasker.tasker_tasks t
  SET unfinished_sinks = t.unfinished_sinks - n.sinks_done,
      state = CASE WHEN t.unfinished_sinks = n.sinks_done AND t.state = 'in_progress' THEN 'complete' ELSE t.state END,
      complete = t.unfinished_sinks = n.sinks_done AND t.state = 'in_progress',
      completed_at = CASE WHEN t.unfinished_sinks = n.sinks_done AND t.state = 'in_progress' THEN clock_timestamp() END,
      sort_key = t.sort_key + (t.unfinished_sinks = n.sinks_done AND t.state = 'in_progress')::integer
  FROM sinks n
  WHERE t.task_id = n.task_id
    AND ${when}
  RETURNING t.task_id, t.sort_key, t.complete
)`;

const TASK_HISTORY = taskHistory({
  source: 'ended',
  from: `'in_progress'`,
  to: `'complete'`,
  cause: `'complete'`,
  workerId: ':worker_id',
  where: 'r.complete',
  tasks: TASKS_OF_BATCH,
});

/** `finalize`: tasks with a blocked step, which this completion may have left without anything that can progress. */
const MAIN = `SELECT 'lost' AS kind, string_agg(f.workflow_step_id::text, ',') AS ids, NULL AS named_task_ids, NULL AS retry_limits, NULL AS queue,
  NULL::integer AS ready_steps
FROM :steps (task_id, workflow_step_id) AS f
WHERE (SELECT count(*) FROM done) < cardinality(:steps.workflow_step_id)
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
SELECT 'finalize', string_agg(DISTINCT d.task_id::text, ','), NULL, NULL, NULL, NULL
FROM done d
WHERE d.task_blocked`;

/**
 * Completes a batch of a worker's own steps, unlocks their children, and claims for the same worker those children that it
 * can run at once: complete -> unlock -> claim in one round trip.
 *
 * Locks, in the order that every statement keeps: the worker's own steps (by key), the children (by key), the tasks whose
 * sink ended (by id). A child's row lock serialises two parents that end together: the second waits, and PostgreSQL then
 * evaluates its UPDATE again on the row as the first left it. That is why every value is computed from the row itself
 * (`s`, `t`) and the number of parents done, and none from an earlier read of it: no value can be stale, and CHECK
 * constraints, which PostgreSQL evaluates before it finds out that a row is stale, see a row consistent in itself.
 */
const text = (choice: Choice, plans: Plans, bound: Bound): string =>
  withCtes(
    [
      DONE,
      DONE_HISTORY,
      UNLOCKING[choice](bound),
      ...(plans === 'free'
        ? [CHILDREN_LOCKED, unlocked(bound, `\n    AND ${after('children_locked')}`)]
        : [unlocked(bound)]),
      CHILD_HISTORY,
      RECORDED,
      CLOSED,
      SINKS,
      ...(plans === 'free' ? [TASKS_LOCKED, ended(after('tasks_locked'))] : [ended(after('unlocked'))]),
      TASK_HISTORY,
    ],
    MAIN,
  );

/** The names are labels of the metrics. */
const nameOf = (choice: Choice, plans: Plans, bound: Bound): string =>
  `complete_steps${choice === 'ranked' ? '_scarce' : ''}${plans === 'free' ? '_locking' : ''}${bound === 'one' ? '' : '_by_queue'}`;

const PARAMS = {
  steps: rows({ ...ATTEMPT, results: 'jsonb' }),
  ...TASK_RANGE,
  /** Of the children that are claimed. */
  claim_id: 'uuid',
  worker_id: 'bigint',
  /** The number of children that may be claimed, at most. */
  claim_limit: 'integer',
  /** Those that the worker serves. */
  queues: 'text[]',
  /** Those that it has handlers for. */
  named_task_ids: 'integer[]',
  closed_claims: 'uuid[]',
  /** In which a more urgent step may be ready. */
  ranges: rows({ queue: 'text', ...RANGE }),
} as const;

/** `least_urgent`: the least urgent priority of children to claim, if nothing is ready in the ranges. */
const one = (choice: Choice, plans: Plans) =>
  defineStatement<CompletionRow>()({
    name: nameOf(choice, plans, 'one'),
    params: { ...PARAMS, least_urgent: 'smallint' },
    text: text(choice, plans, 'one'),
  });

/** `least_urgent`: one for each of `queues`. */
const byQueue = (choice: Choice, plans: Plans) =>
  defineStatement<CompletionRow>()({
    name: nameOf(choice, plans, 'by queue'),
    params: { ...PARAMS, least_urgent: 'smallint[]' },
    text: text(choice, plans, 'by queue'),
  });

const oneBound = {
  unranked: { pinned: one('unranked', 'pinned'), free: one('unranked', 'free') },
  ranked: { pinned: one('ranked', 'pinned'), free: one('ranked', 'free') },
};
const boundByQueue = {
  unranked: { pinned: byQueue('unranked', 'pinned'), free: byQueue('unranked', 'free') },
  ranked: { pinned: byQueue('ranked', 'pinned'), free: byQueue('ranked', 'free') },
};
/** @public: printed by scripts/print-statements.ts. */
export const completeStatements = [oneBound, boundByQueue].flatMap((bound) =>
  Object.values(bound).flatMap((choice) => Object.values(choice)),
);

/** A batch with `children` children of which `claimLimit` may be claimed. `plans`: of the executor that will run the statement. */
interface Batch {
  children: number;
  claimLimit: number;
  plans: Plans;
}

const choiceFor = ({ children, claimLimit }: Batch): Choice =>
  claimLimit === 0 || children <= claimLimit ? 'unranked' : 'ranked';

/** The statement for a batch if all queues have the same bound. */
export const completeStatement = (batch: Batch) => oneBound[choiceFor(batch)][batch.plans];
/** The statement for a batch if each queue has a bound of its own. */
export const completeStatementByQueue = (batch: Batch) => boundByQueue[choiceFor(batch)][batch.plans];

/** Reads one value and stores nothing: it fails if the value itself is what the database refuses. */
export const parseValue = defineStatement()({
  name: 'parse_value',
  params: { json: 'jsonb' },
  text: 'SELECT :json::jsonb IS NULL AS nothing',
});
