import type { Plans } from '../../connections/session-settings.ts';
import { defineStatement, rows } from '../../statement.ts';
import { after, withCtes } from '../ctes.ts';
import { lastTransitionSeen, stepHistory } from '../rules/history.ts';
import { microseconds } from '../rules/microseconds.ts';
import { parentResults } from '../rules/parent-results.ts';
import { inRange, RANGE } from './ready-ranges.ts';

export interface ClaimedStepRow {
  task_id: string;
  workflow_step_id: string;
  named_task_id: number;
  attempts: number;
  retry_limit: number;
  /** Seconds between becoming ready and this claim, by the database clock. */
  waited_seconds: number;
  /**
   * What the scan found, in one of the rows and null in the others: `xmin xid now scanned priority=reached ...`. The snapshot's
   * xmin; the id of this transaction; the time at which the statement began and that at which it updated the first step; for each
   * priority that it took steps of, the time at which the last of them became ready. Times in microseconds since 1970.
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
  /** JSON text: the occurrence of a schedule that the task was submitted for; null for none, which costs nothing to read. */
  schedule: string | null;
  /** The task's place in a trace; null: it is not traced, which costs nothing to read. */
  trace_context: string | null;
  identity_hash: string;
  /** The step had transitions before this claim. */
  has_history: boolean | null;
}

/** A LIMIT the planner can see keeps it on the index: with a parameter it would plan for a tenth of the table. */
export const CLAIM_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] as const;

/**
 * The steps to take, locked through the readiness view (index steps_ready); MATERIALIZED, so that LIMIT holds whatever the plan.
 * Each range is one stretch of the index; the next one is scanned only if those before it had too few steps, since a LIMIT takes no
 * more rows than it needs, and a lateral join of an array visits its elements in order. A process whose lease was ended gets
 * nothing. Rows that another worker has locked are skipped, so two claims never wait for each other.
 */
const candidate = (size: number): string => `candidate AS MATERIALIZED (
  SELECT ready.row_location, ready.priority, ready.ready_at
  FROM :ranges AS range
  CROSS JOIN LATERAL (
    SELECT r.row_location, r.priority, r.ready_at
    FROM tasker.tasker_step_readiness_statuses r
    WHERE r.ready_for_execution
      AND r.queue = :queue
      AND ${inRange('r', 'range')}
      AND r.named_task_id = ANY (:named_task_ids::integer[])
      AND EXISTS (SELECT FROM tasker.tasker_workers w WHERE w.worker_id = :worker_id AND w.stopped_at IS NULL)
    ORDER BY r.priority, r.ready_at, r.workflow_step_id
    LIMIT ${size}
    FOR NO KEY UPDATE SKIP LOCKED
  ) ready
  LIMIT ${size}
)`;

/** A claim does not know its tasks beforehand; its caller says from which one on it takes steps with a history. */
const RECENT = { lowest: ':lowest_task::bigint' };

/**
 * What is locked is updated at its place (`row_location`). A row whose lock came with a newer version than this statement can see has
 * another place by then, and is left for the next poll.
 */
const CLAIMED = `claimed AS (
  UPDATE tasker.tasker_workflow_steps s
  SET state = 'in_progress',
      in_process = true,
      ready_at = NULL,
      attempts = s.attempts + 1,
      last_attempted_at = clock_timestamp(),
      backoff_request_seconds = NULL,
      claim_id = :claim_id,
      claimed_by = :worker_id,
      sort_key = s.sort_key + 1
  FROM candidate c
  WHERE s.ctid = c.row_location AND ${lastTransitionSeen('s', RECENT)}
  RETURNING s.task_id, s.workflow_step_id, s.named_task_id, s.attempts, s.retry_limit, s.total_parents, s.sort_key, s.inputs, s.last_attempted_at, date_part('epoch', s.last_attempted_at - c.ready_at) AS waited_seconds
)`;

const CLAIMED_HISTORY = stepHistory({
  source: 'claimed',
  from: `'pending'`,
  to: `'in_progress'`,
  cause: `'claim'`,
  claimId: ':claim_id',
  workerId: ':worker_id',
  at: 'r.last_attempted_at',
  mayBeFirst: true,
  tasks: RECENT,
});

/** The claim itself, by which recovery finds the steps of a process that died. */
const RECORDED = `recorded AS (
  INSERT INTO tasker.tasker_claims (claim_id, worker_id, task_ids, workflow_step_ids)
  SELECT :claim_id, :worker_id, array_agg(task_id), array_agg(workflow_step_id) FROM claimed HAVING count(*) > 0
)`;

/** Claims of this worker all of whose steps have ended. */
const CLOSED = `closed AS (
  DELETE FROM tasker.tasker_claims WHERE claim_id = ANY (:closed_claims::uuid[])
)`;

/** A claimed root starts its task. Task rows come after step rows and in order of their id, as everywhere. */
const ROOTS = `roots AS MATERIALIZED (
  SELECT DISTINCT c.task_id FROM claimed c WHERE c.total_parents = 0 ORDER BY c.task_id
)`;

/** If the planner may join in any order, the tasks are locked in order beforehand. */
const TASKS_LOCKED = `tasks_locked AS MATERIALIZED (
  SELECT t.task_id
  FROM roots b
  JOIN tasker.tasker_tasks t ON t.task_id = b.task_id
  WHERE t.state = 'pending'
  ORDER BY t.task_id
  FOR NO KEY UPDATE OF t
)`;

const started = (when = ''): string => `started AS (
  UPDATE tasker.tasker_tasks t
  SET state = 'in_progress', sort_key = t.sort_key + 1
  FROM roots b
  WHERE t.task_id = b.task_id AND t.state = 'pending'${when}
  RETURNING t.task_id, t.sort_key
)`;

/** A task that has not begun has no transition yet, so there is nothing to flip. */
const TASK_HISTORY = `task_history AS (
  INSERT INTO tasker.tasker_task_transitions (task_id, sort_key, from_state, to_state, most_recent, cause, worker_id)
  SELECT task_id, sort_key, 'pending', 'in_progress', true, 'claim', :worker_id FROM started
)`;

const MAIN = `SELECT c.task_id, c.workflow_step_id, c.named_task_id, c.attempts, c.retry_limit, c.waited_seconds,
  CASE WHEN c.workflow_step_id = (SELECT min(x.workflow_step_id) FROM claimed x) THEN
    (SELECT concat_ws(' ', pg_snapshot_xmin(pg_current_snapshot()), pg_current_xact_id_if_assigned(),
        ${microseconds('statement_timestamp()')}, ${microseconds('(SELECT min(x.last_attempted_at) FROM claimed x)')},
        string_agg(x.priority || '=' || ${microseconds('x.ready_at')}, ' '))
      FROM (SELECT y.priority, max(y.ready_at) AS ready_at FROM candidate y GROUP BY y.priority) x) END AS scan,
  coalesce(c.inputs, t.context)::text AS context,
  CASE WHEN c.inputs IS NOT NULL THEN true END AS own_input,
  CASE WHEN c.total_parents > 0 THEN ${parentResults('c')} END AS parents,
  t.bypass_steps::text AS bypass_steps, t.schedule::text AS schedule, t.trace_context, t.identity_hash, CASE WHEN c.sort_key > 1 THEN true END AS has_history
FROM claimed c
JOIN tasker.tasker_tasks t ON t.task_id = c.task_id`;

/**
 * Takes up to `size` ready steps of one queue, most urgent first, for a worker that has handlers for `named_task_ids`. `ranges`: the parts
 * of the queue to scan, most urgent first. `lowest_task`: steps of tasks with lower ids are taken only if nothing happened to them yet, and
 * of the history only the partitions from this id on are opened.
 */
const claim = (size: number, plans: Plans) =>
  defineStatement<ClaimedStepRow>()({
    // The names are labels of the metrics.
    name: `claim_steps_${size}${plans === 'free' ? '_locking' : ''}`,
    params: {
      claim_id: 'uuid',
      worker_id: 'bigint',
      queue: 'text',
      named_task_ids: 'integer[]',
      closed_claims: 'uuid[]',
      ranges: rows(RANGE),
      lowest_task: 'bigint',
    },
    text: withCtes(
      [
        candidate(size),
        CLAIMED,
        CLAIMED_HISTORY,
        RECORDED,
        CLOSED,
        ROOTS,
        ...(plans === 'free' ? [TASKS_LOCKED, started(`\n    AND ${after('tasks_locked')}`)] : [started()]),
        TASK_HISTORY,
      ],
      MAIN,
    ),
  });

type ClaimStatement = ReturnType<typeof claim>;

const bySize = (plans: Plans): ReadonlyMap<number, ClaimStatement> =>
  new Map(CLAIM_SIZES.map((size) => [size, claim(size, plans)]));
const variants = { pinned: bySize('pinned'), free: bySize('free') };
/** @public: printed by scripts/print-statements.ts. */
export const claimStatements = Object.values(variants).flatMap((statements) => [...statements.values()]);

/** The statement that claims the largest batch size not above `limit` (at least 1). `plans`: of the executor that will run it. */
export function claimStatement(limit: number, plans: Plans): ClaimStatement {
  const size = CLAIM_SIZES.findLast((candidateSize) => candidateSize <= limit) ?? 1;
  return variants[plans].get(size) as ClaimStatement;
}
