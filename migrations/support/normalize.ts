import { type Kysely, sql } from 'kysely';

interface Range {
  from: string;
  to: string;
}

/** In the metadata of every transition that the backfill adds. */
const BY_BACKFILL = '{"by": "migration 0005_backfill_engine_columns"}';

/**
 * Moves steps out of situations that the ancestor knew and the engine does not, each by a legal transition:
 *
 * | step | task | becomes | why |
 * |---|---|---|---|
 * | open | ended | cancelled (`cancel`) | nothing of an ended task may run |
 * | in progress | going on | pending (`released`) | the ancestor has no claim that could be recovered; it counts an attempt at its end, so none is spent |
 * | in progress | in error, or no attempt left | blocked (`lease_expired`) | an operator's retry finds it |
 * | pending, could run | in error, or no attempt left | blocked (`unrunnable`) | a pending step without ready_at would wait for ever |
 * | in error, a parent open, attempts left | not ended | pending (`retry_due`) | its parents will make it ready |
 */
export async function normalizeSteps(db: Kysely<unknown>, { from, to }: Range): Promise<void> {
  await sql`
    WITH change AS MATERIALIZED (
      SELECT s.task_id, s.workflow_step_id, s.sort_key + 1 AS sort_key, s.state AS from_state, s.unmet_parents,
        CASE
          WHEN t.state IN ('complete', 'cancelled', 'resolved_manually') THEN 'cancelled'
          WHEN s.state = 'error' THEN 'pending'
          WHEN s.state = 'in_progress' AND t.state <> 'error' AND s.attempts < s.retry_limit THEN 'pending'
          ELSE 'error'
        END AS to_state,
        CASE
          WHEN t.state IN ('complete', 'cancelled', 'resolved_manually') THEN 'cancel'
          WHEN s.state = 'pending' THEN 'unrunnable'
          WHEN s.state = 'error' THEN 'retry_due'
          WHEN t.state <> 'error' AND s.attempts < s.retry_limit THEN 'released'
          ELSE 'lease_expired'
        END AS cause
      FROM tasker.tasker_workflow_steps s
      JOIN tasker.tasker_tasks t ON t.task_id = s.task_id
      WHERE s.task_id >= ${from} AND s.task_id < ${to}
        AND CASE
          WHEN t.state IN ('complete', 'cancelled', 'resolved_manually') THEN s.state IN ('pending', 'in_progress', 'error')
          WHEN s.state = 'pending' THEN s.unmet_parents = 0 AND s.ready_at IS NULL
          WHEN s.state = 'error' THEN s.unmet_parents > 0 AND s.attempts < s.retry_limit
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
      SELECT task_id, workflow_step_id, sort_key, from_state, to_state, true, cause, ${BY_BACKFILL}::jsonb
      FROM change
      WHERE (SELECT count(*) FROM flipped) >= 0
    )
    UPDATE tasker.tasker_workflow_steps s
    SET state = c.to_state,
        sort_key = c.sort_key,
        ready_at = CASE WHEN c.to_state = 'pending' AND c.unmet_parents = 0 THEN clock_timestamp() END,
        next_retry_at = NULL,
        blocked_at = CASE WHEN c.to_state = 'error' THEN clock_timestamp() END
    FROM change c
    WHERE s.task_id = c.task_id AND s.workflow_step_id = c.workflow_step_id`.execute(db);
  await sql`
    UPDATE tasker.tasker_workflow_steps s
    SET task_blocked = b.blocked
    FROM (
      SELECT w.task_id, bool_or(w.blocked_at IS NOT NULL) AS blocked
      FROM tasker.tasker_workflow_steps w
      WHERE w.task_id >= ${from} AND w.task_id < ${to}
      GROUP BY w.task_id
    ) b
    WHERE s.task_id = b.task_id
      AND s.task_blocked <> (b.blocked AND s.state IN ('pending', 'in_progress', 'error'))`.execute(db);
}

/**
 * The ancestor put a task back to pending between two rounds, and lost the end of a task whose process died after its last
 * step. The engine starts a task when a root is claimed and ends it when its last sink is done; where both are in the past
 * it would wait for ever. So a task of which something was tried is in progress, and one of which nothing is left complete.
 */
export async function normalizeTasks(db: Kysely<unknown>, { from, to }: Range): Promise<void> {
  await sql`
    UPDATE tasker.tasker_tasks t
    SET unfinished_sinks = (
      SELECT count(*) FROM tasker.tasker_workflow_steps s
      WHERE s.task_id = t.task_id AND s.children = '{}' AND s.state NOT IN ('complete', 'resolved_manually'))
    WHERE t.task_id >= ${from} AND t.task_id < ${to}`.execute(db);
  const begun = sql`t.state = 'pending' AND EXISTS (
    SELECT FROM tasker.tasker_workflow_steps s WHERE s.task_id = t.task_id AND (s.state <> 'pending' OR s.attempts > 0))`;
  await moveTasks(db, { from, to }, { when: begun, state: 'in_progress', cause: 'claim' });
  const done = sql`t.state = 'in_progress' AND t.unfinished_sinks = 0 AND EXISTS (
    SELECT FROM tasker.tasker_workflow_steps s WHERE s.task_id = t.task_id)`;
  await moveTasks(db, { from, to }, { when: done, state: 'complete', cause: 'complete' });
}

async function moveTasks(
  db: Kysely<unknown>,
  { from, to }: Range,
  change: { when: ReturnType<typeof sql>; state: 'in_progress' | 'complete'; cause: string },
): Promise<void> {
  await sql`
    WITH change AS MATERIALIZED (
      SELECT t.task_id, t.sort_key + 1 AS sort_key, t.state AS from_state
      FROM tasker.tasker_tasks t
      WHERE t.task_id >= ${from} AND t.task_id < ${to} AND ${change.when}
    ), flipped AS (
      UPDATE tasker.tasker_task_transitions x
      SET most_recent = false
      FROM change c
      WHERE x.task_id = c.task_id AND x.most_recent
      RETURNING x.task_id
    ), history AS (
      INSERT INTO tasker.tasker_task_transitions (task_id, sort_key, from_state, to_state, most_recent, cause, metadata)
      SELECT task_id, sort_key, from_state, ${change.state}, true, ${change.cause}, ${BY_BACKFILL}::jsonb
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
