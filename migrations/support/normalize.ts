import { type Kysely, sql } from 'kysely';
import { BACKFILL } from './inherit.ts';
import type { Page } from './pages.ts';

/** A running step that may run only once, or has used its attempts up. */
const LAST_ATTEMPT = `(NOT s.retryable OR s.retry_limit <= 1 OR s.attempts >= s.retry_limit)`;
/** A pending step that could never be claimed. */
const UNRUNNABLE = `(s.attempts >= s.retry_limit OR (NOT s.retryable AND s.attempts > 0) OR (s.unmet_parents = 0 AND s.ready_at IS NULL))`;

/**
 * Moves steps out of situations that exist in Tasker (Ruby) and not in the engine, each by a legal transition:
 *
 * | step | task | becomes | why |
 * |---|---|---|---|
 * | open | ended | cancelled (`cancel`) | nothing of an ended task may run |
 * | in progress | going on | pending (`released`) | Tasker (Ruby) has no claim that could be recovered; it counts an attempt at its end, so none is spent |
 * | in progress, may run once only or has no attempt left | not ended | blocked (`lease_expired`), the attempt spent | as the engine's own recovery: it is never run again but by an operator's retry |
 * | in progress | in error | blocked (`lease_expired`), the attempt spent | an operator's retry finds it |
 * | pending, could run | in error | blocked (`unrunnable`) | a pending step without ready_at would wait for ever |
 * | pending, no attempt left | not ended | blocked (`unrunnable`) | the same, now or when its parents are done |
 * | in error, a parent open, attempts left | not ended | pending (`retry_due`) | its parents will make it ready |
 */
export async function normalizeSteps(db: Kysely<unknown>, { from, to }: Page): Promise<void> {
  await sql`
    WITH change AS MATERIALIZED (
      SELECT s.task_id, s.workflow_step_id, s.sort_key + 1 AS sort_key, s.state AS from_state, s.unmet_parents,
        CASE
          WHEN t.state IN ('complete', 'cancelled', 'resolved_manually') THEN 'cancelled'
          WHEN s.state = 'error' THEN 'pending'
          WHEN s.state = 'in_progress' AND t.state <> 'error' AND NOT ${sql.raw(LAST_ATTEMPT)} THEN 'pending'
          ELSE 'error'
        END AS to_state,
        CASE
          WHEN t.state IN ('complete', 'cancelled', 'resolved_manually') THEN 'cancel'
          WHEN s.state = 'pending' THEN 'unrunnable'
          WHEN s.state = 'error' THEN 'retry_due'
          WHEN t.state <> 'error' AND NOT ${sql.raw(LAST_ATTEMPT)} THEN 'released'
          ELSE 'lease_expired'
        END AS cause
      FROM tasker.tasker_workflow_steps s
      JOIN tasker.tasker_tasks t ON t.task_id = s.task_id
      LEFT JOIN tasker.tasker_workflow_step_transitions c
        ON c.task_id = s.task_id AND c.workflow_step_id = s.workflow_step_id AND c.most_recent
      WHERE s.task_id BETWEEN ${from} AND ${to}
        AND CASE
          WHEN t.state IN ('complete', 'cancelled', 'resolved_manually') THEN s.state IN ('pending', 'in_progress', 'error')
          WHEN s.state = 'pending' THEN ${sql.raw(UNRUNNABLE)}
          WHEN s.state = 'error' THEN s.unmet_parents > 0 AND s.attempts < s.retry_limit AND s.retryable
            AND coalesce(c.metadata -> 'blocked' <> 'true', true)
          ELSE s.state = 'in_progress'
        END
    ), flipped AS (
      UPDATE tasker.tasker_workflow_step_transitions x
      SET most_recent = false
      FROM change c
      WHERE x.task_id = c.task_id AND x.workflow_step_id = c.workflow_step_id AND x.most_recent
      RETURNING x.task_id
    ), history AS (
      INSERT INTO tasker.tasker_workflow_step_transitions
        (task_id, workflow_step_id, sort_key, from_state, to_state, most_recent, cause, metadata)
      SELECT task_id, workflow_step_id, sort_key, from_state, to_state, true, cause,
        jsonb_build_object('by', ${BACKFILL}::text) || CASE cause
          WHEN 'lease_expired' THEN jsonb_build_object('blocked', true, 'error', jsonb_build_object(
            'name', 'WorkerDied', 'message', 'this step was running when the database was migrated, and may not run again by itself: see what it did, then resolve or retry it'))
          WHEN 'unrunnable' THEN jsonb_build_object('blocked', true, 'error', jsonb_build_object(
            'name', 'Unrunnable', 'message', 'no attempt was left for this step, or its task had ended in error, when the database was migrated'))
          ELSE '{}'
        END
      FROM change
      WHERE (SELECT count(*) FROM flipped) >= 0
    )
    UPDATE tasker.tasker_workflow_steps s
    SET state = c.to_state,
        sort_key = c.sort_key,
        attempts = s.attempts + (c.cause = 'lease_expired')::integer,
        retry_limit = greatest(s.retry_limit, s.attempts + (c.cause = 'lease_expired')::integer),
        ready_at = CASE WHEN c.to_state = 'pending' AND c.unmet_parents = 0 THEN clock_timestamp() END,
        next_retry_at = NULL,
        blocked_at = CASE WHEN c.to_state = 'error' THEN clock_timestamp() END
    FROM change c
    WHERE s.task_id = c.task_id AND s.workflow_step_id = c.workflow_step_id`.execute(db);
}

/**
 * Tasker (Ruby) put a task back to pending between two rounds, and lost the end of a task whose process died after its last
 * step. The engine starts a task when a root is claimed and ends it when its last sink is done; if both are in the past, the
 * task would wait for ever. So a task with a history, or with an attempt, is in progress; a task without open steps is
 * complete, and a task in which no step can go on is in error.
 */
export async function normalizeTasks(db: Kysely<unknown>, page: Page): Promise<void> {
  const { from, to } = page;
  await sql`
    UPDATE tasker.tasker_tasks t
    SET unfinished_sinks = (
      SELECT count(*) FROM tasker.tasker_workflow_steps s
      WHERE s.task_id = t.task_id AND s.children = '{}' AND s.state NOT IN ('complete', 'resolved_manually'))
    WHERE t.task_id BETWEEN ${from} AND ${to}`.execute(db);
  const steps = sql`FROM tasker.tasker_workflow_steps s WHERE s.task_id = t.task_id`;
  const allDone = sql`EXISTS (SELECT ${steps}) AND NOT EXISTS (SELECT ${steps} AND s.state NOT IN ('complete', 'resolved_manually'))`;
  const begun = sql`t.state = 'pending' AND (t.sort_key > 0 OR EXISTS (
    SELECT ${steps} AND (s.state <> 'pending' OR s.attempts > 0)))`;
  await moveTasks(db, page, { when: begun, state: 'in_progress', cause: 'claim' });
  await moveTasks(db, page, {
    when: sql`t.state = 'error' AND ${allDone}`,
    state: 'in_progress',
    cause: 'operator_resolve',
  });
  await moveTasks(db, page, {
    when: sql`t.state = 'in_progress' AND ${allDone}`,
    state: 'complete',
    cause: 'complete',
  });
  const stuck = sql`t.state = 'in_progress' AND EXISTS (SELECT ${steps} AND s.blocked_at IS NOT NULL)
    AND NOT EXISTS (SELECT ${steps} AND (s.in_process OR s.ready_at IS NOT NULL OR s.next_retry_at IS NOT NULL))`;
  await moveTasks(db, page, { when: stuck, state: 'error', cause: 'step_blocked' });
  await sql`
    UPDATE tasker.tasker_workflow_steps s
    SET task_blocked = b.blocked AND s.state IN ('pending', 'in_progress', 'error')
    FROM (
      SELECT t.task_id, bool_or(w.blocked_at IS NOT NULL) AS blocked
      FROM tasker.tasker_tasks t
      JOIN tasker.tasker_workflow_steps w ON w.task_id = t.task_id
      WHERE t.task_id BETWEEN ${from} AND ${to}
      GROUP BY t.task_id
    ) b
    WHERE s.task_id = b.task_id
      AND s.task_blocked <> (b.blocked AND s.state IN ('pending', 'in_progress', 'error'))`.execute(db);
}

async function moveTasks(
  db: Kysely<unknown>,
  { from, to }: Page,
  change: { when: ReturnType<typeof sql>; state: 'in_progress' | 'complete' | 'error'; cause: string },
): Promise<void> {
  await sql`
    WITH change AS MATERIALIZED (
      SELECT t.task_id, t.sort_key + 1 AS sort_key, t.state AS from_state
      FROM tasker.tasker_tasks t
      WHERE t.task_id BETWEEN ${from} AND ${to} AND ${change.when}
    ), flipped AS (
      UPDATE tasker.tasker_task_transitions x
      SET most_recent = false
      FROM change c
      WHERE x.task_id = c.task_id AND x.most_recent
      RETURNING x.task_id
    ), history AS (
      INSERT INTO tasker.tasker_task_transitions (task_id, sort_key, from_state, to_state, most_recent, cause, metadata)
      SELECT task_id, sort_key, from_state, ${change.state}, true, ${change.cause}, jsonb_build_object('by', ${BACKFILL}::text)
      FROM change
      WHERE (SELECT count(*) FROM flipped) >= 0
    )
    UPDATE tasker.tasker_tasks t
    SET state = ${change.state},
        sort_key = c.sort_key,
        complete = ${change.state} = 'complete',
        completed_at = CASE WHEN ${change.state} = 'complete' THEN clock_timestamp() END
    FROM change c
    WHERE t.task_id = c.task_id`.execute(db);
}
