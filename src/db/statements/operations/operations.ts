import { defineStatement } from '../../statement.ts';

/** What a bulk operation does to each of its tasks. */
export type OperationAction = 'retry' | 'cancel' | 'resolve' | 'rerun';
/** Where a bulk operation is. `stopped`: by itself. */
export type OperationState = 'preview' | 'running' | 'paused' | 'stopped' | 'done' | 'aborted';

/** How an act is done. Which of them an action has: see `NewOperation` of the client. */
export interface OperationOptions {
  attempts?: number;
  step?: string;
  /** JSON text. */
  result?: string;
  from?: string[];
}

/** What was counted when the tasks were chosen. */
export interface PreviewCounts {
  /** By state. */
  states: Record<string, number>;
  /** By what the task would not have refused: `allowed_actions`. */
  allowed: Record<string, number>;
  workflows: { namespace: string; workflow: string; tasks: number }[];
  /** What their steps in error had failed with: the most frequent ones. A task with several counts for each. */
  fingerprints: { fingerprint: string; tasks: number }[];
}

/** A bulk operation as it is stored, without its token. */
export interface OperationRow {
  operation_id: string;
  action: OperationAction;
  options: OperationOptions;
  /** How the tasks were chosen. */
  selection: Record<string, unknown>;
  state: OperationState;
  by: string;
  reason: string | null;
  /** Only tasks of these namespaces are touched; null: all. */
  namespaces: string[] | null;
  preview: PreviewCounts;
  /** Tasks. What waits is what is left of it. */
  total: number;
  done: number;
  refused: number;
  failed: number;
  /** Tasks that are done, and of which it is known how they went on. */
  settled: number;
  /** Those that failed again with what they had failed with before. */
  came_back: number;
  pace_per_second: number;
  /** How many tasks are done first, and waited for; 0: none. */
  canary: number;
  canary_passed: boolean;
  /** It stops when this share came back; null: it does not. */
  stop_share: number | null;
  created_at: Date;
  /** Until when a preview may be started. */
  expires_at: Date;
  started_at: Date | null;
  ended_at: Date | null;
  /** Why it is paused, stopped or aborted. */
  why: string | null;
}

export const OPERATION_COLUMNS = `o.operation_id, o.action, o.options, o.selection, o.state, o.by, o.reason, o.namespaces, o.preview, o.total, o.done,
  o.refused, o.failed, o.settled, o.came_back, o.pace_per_second, o.canary, o.canary_passed, o.stop_share, o.created_at, o.expires_at, o.started_at,
  o.ended_at, o.why`;

/** Condition: whoever may see these namespaces only (null: all) may see the operation `o`. One that is about all of them is for nobody else. */
export const isVisible = (o: string): string =>
  `(:namespaces::text[] IS NULL OR ${o}.namespaces <@ :namespaces::text[])`;

export const insertOperation = defineStatement<{ operation_id: string }>()({
  name: 'insert_operation',
  params: {
    action: 'text',
    options: 'jsonb',
    selection: 'jsonb',
    token_hash: 'text',
    by: 'text',
    reason: 'text | null',
    principal: 'text | null',
    namespaces: 'text[] | null',
    pace_per_second: 'float8',
    stop_share: 'float8 | null',
    expires_in_seconds: 'float8',
  },
  text: `
INSERT INTO tasker.tasker_operations (action, options, selection, token_hash, by, reason, principal, namespaces, pace_per_second, stop_share,
  expires_at)
VALUES (:action, :options, :selection, :token_hash, :by, :reason, :principal, :namespaces, :pace_per_second, :stop_share,
  clock_timestamp() + make_interval(secs => :expires_in_seconds))
RETURNING operation_id`,
});

/** The end of a preview, whose items are counted. */
export const completePreview = defineStatement<OperationRow>()({
  name: 'complete_preview',
  params: { operation_id: 'bigint', preview: 'jsonb', total: 'integer', canary: 'integer' },
  text: `
UPDATE tasker.tasker_operations o
SET preview = :preview, total = :total, canary = :canary, canary_passed = :canary = 0
WHERE o.operation_id = :operation_id
RETURNING ${OPERATION_COLUMNS}`,
});

/** For an act on the operation: it waits for a chunk that is being worked off. */
export const lockOperation = defineStatement<OperationRow & { token_hash: string; expired: boolean }>()({
  name: 'lock_operation',
  params: { operation_id: 'bigint', namespaces: 'text[] | null' },
  text: `
SELECT ${OPERATION_COLUMNS}, o.token_hash, o.expires_at <= clock_timestamp() AS expired
FROM tasker.tasker_operations o
WHERE o.operation_id = :operation_id AND ${isVisible('o')}
FOR UPDATE`,
});

/**
 * Lets a locked operation run, from its start or from where it was. `by`, `principal`: whoever does so is responsible for what follows. `anew`: what
 * came back until now no longer counts.
 */
export const runOperation = defineStatement<OperationRow>()({
  name: 'run_operation',
  params: {
    operation_id: 'bigint',
    by: 'text',
    reason: 'text | null',
    principal: 'text | null',
    anew: 'boolean',
    skip_canary: 'boolean',
  },
  text: `
UPDATE tasker.tasker_operations o
SET state = 'running',
    by = :by,
    reason = coalesce(:reason, o.reason),
    principal = :principal,
    started_at = coalesce(o.started_at, clock_timestamp()),
    paced_at = clock_timestamp(),
    canary_passed = o.canary_passed OR :skip_canary,
    window_began_at = CASE WHEN :anew THEN clock_timestamp() ELSE o.window_began_at END,
    window_done = CASE WHEN :anew THEN 0 ELSE o.window_done END,
    window_came_back = CASE WHEN :anew THEN 0 ELSE o.window_came_back END,
    why = NULL
WHERE o.operation_id = :operation_id
RETURNING ${OPERATION_COLUMNS}`,
});

/** Pauses, stops or aborts a locked operation. */
export const haltOperation = defineStatement<OperationRow>()({
  name: 'halt_operation',
  params: { operation_id: 'bigint', state: 'text', why: 'text | null' },
  text: `
UPDATE tasker.tasker_operations o
SET state = :state, why = :why, ended_at = CASE WHEN :state = 'aborted' THEN clock_timestamp() END
WHERE o.operation_id = :operation_id
RETURNING ${OPERATION_COLUMNS}`,
});

/** Operations that are to be worked off. Reads an index of what has not ended, which is empty in general. */
export const findRunningOperations = defineStatement<{ operation_id: string }>()({
  name: 'find_running_operations',
  text: `
SELECT o.operation_id
FROM tasker.tasker_operations o
WHERE o.state NOT IN ('done', 'aborted') AND o.state = 'running'
ORDER BY o.operation_id
LIMIT 100`,
});

/** An operation whose row this transaction has until it ends. */
export interface HeldOperation extends OperationRow {
  principal: string | null;
  window_began_at: Date;
  window_done: number;
  window_came_back: number;
  watched_to: string;
  /** How many items its pace allows now. */
  budget: number;
}

/** A scheduler that was slow makes up for this time, or for one item, and not for more. */
const CATCH_UP = `greatest(2, 1 / o.pace_per_second)`;

/**
 * Takes a running operation, to work off a chunk. No row: it does not run, or another scheduler has it. Its row is the lock of all its items: nobody
 * else touches them, and whoever pauses or aborts it waits for the end of the chunk.
 */
export const holdOperation = defineStatement<HeldOperation>()({
  name: 'hold_operation',
  params: { operation_id: 'bigint' },
  text: `
SELECT ${OPERATION_COLUMNS}, o.principal, o.window_began_at, o.window_done, o.window_came_back, o.watched_to,
  floor(least(extract(epoch FROM clock_timestamp() - o.paced_at), ${CATCH_UP}) * o.pace_per_second + 0.001)::integer AS budget
FROM tasker.tasker_operations o
WHERE o.operation_id = :operation_id AND o.state = 'running'
FOR UPDATE SKIP LOCKED`,
});

/** Adds a chunk to a held operation. `state`: `running`, `stopped` or `done`. */
export const advanceOperation = defineStatement()({
  name: 'advance_operation',
  params: {
    operation_id: 'bigint',
    done: 'integer',
    refused: 'integer',
    failed: 'integer',
    settled: 'integer',
    came_back: 'integer',
    window_came_back: 'integer',
    watched_to: 'bigint',
    canary_passed: 'boolean',
    state: 'text',
    why: 'text | null',
  },
  text: `
UPDATE tasker.tasker_operations o
SET done = o.done + :done,
    refused = o.refused + :refused,
    failed = o.failed + :failed,
    settled = o.settled + :settled,
    came_back = o.came_back + :came_back,
    window_done = o.window_done + :done,
    window_came_back = o.window_came_back + :window_came_back,
    watched_to = :watched_to,
    canary_passed = :canary_passed,
    paced_at = CASE WHEN :done + :refused + :failed = 0 THEN o.paced_at
      ELSE greatest(o.paced_at, clock_timestamp() - ${CATCH_UP} * interval '1 second')
        + (:done + :refused + :failed) / o.pace_per_second * interval '1 second' END,
    state = :state,
    why = :why,
    ended_at = CASE WHEN :state = 'done' THEN clock_timestamp() END
WHERE o.operation_id = :operation_id`,
});

/** Removes one preview that nobody started in time, and one operation that ended long ago. Their items follow (`deleteItems`). */
export const pruneOperation = defineStatement<{ operation_id: string }>()({
  name: 'prune_operation',
  params: { kept_seconds: 'float8' },
  text: `
WITH unused AS MATERIALIZED (
  SELECT o.operation_id
  FROM tasker.tasker_operations o
  WHERE o.state NOT IN ('done', 'aborted') AND o.state = 'preview' AND o.expires_at <= clock_timestamp()
  LIMIT 1
  FOR UPDATE SKIP LOCKED
), ended AS MATERIALIZED (
  SELECT o.operation_id
  FROM tasker.tasker_operations o
  WHERE o.ended_at <= clock_timestamp() - make_interval(secs => :kept_seconds)
  ORDER BY o.ended_at
  LIMIT 1
  FOR UPDATE SKIP LOCKED
), chosen AS (
  SELECT u.operation_id FROM unused u
  UNION ALL
  SELECT e.operation_id FROM ended e
)
DELETE FROM tasker.tasker_operations o
USING chosen c
WHERE o.operation_id = c.operation_id
RETURNING o.operation_id`,
});

/** What the operations of a state do, of the states that ask for something. */
export interface OperationCounts {
  state: OperationState;
  operations: number;
  /** Tasks that were not acted on yet. */
  waiting: number;
  /**
   * For how long the slowest of them has acted on no task although its pace allows it: because of its canary, or for any other reason. 0 unless they
   * run.
   */
  canary_idle_seconds: number;
  idle_seconds: number;
}

const isRunning = `o.state = 'running'`;
/** Its canary was acted on, and is waited for. */
const WAITS_FOR_CANARY = `(NOT o.canary_passed AND o.done + o.refused + o.failed >= o.canary)`;
const idleSeconds = (condition: string): string =>
  `coalesce(greatest(0, extract(epoch FROM max(clock_timestamp() - o.paced_at - ${CATCH_UP} * interval '1 second')
    FILTER (WHERE ${isRunning} AND ${condition}))), 0)::float8`;

/** How many operations are in each state that asks for something, and for how long they stand still. */
export const countOperations = defineStatement<OperationCounts>()({
  name: 'count_operations',
  text: `
SELECT o.state, count(*)::integer AS operations, sum(o.total - o.done - o.refused - o.failed)::integer AS waiting,
  ${idleSeconds(WAITS_FOR_CANARY)} AS canary_idle_seconds,
  ${idleSeconds(`NOT ${WAITS_FOR_CANARY}`)} AS idle_seconds
FROM tasker.tasker_operations o
WHERE o.state NOT IN ('done', 'aborted') AND o.state <> 'preview'
GROUP BY o.state`,
});
