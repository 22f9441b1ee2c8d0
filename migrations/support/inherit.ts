import { type Kysely, sql } from 'kysely';
import type { Page } from './pages.ts';

/** In the metadata of every transition that the backfill adds. */
export const BACKFILL = 'migration 0005_backfill_engine_columns';

/**
 * Gives a history to steps and tasks whose outcome only the flags record: Tasker (Ruby) 2.0 dropped the column `status` and
 * wrote no transition for existing rows.
 *
 * | flags | history says | becomes |
 * |---|---|---|
 * | step processed | nothing, pending, in_progress or error | complete: it ended, and nothing that ended may run again |
 * | step in process | nothing | in_progress: somebody may be running it |
 * | step with attempts | nothing | error: an attempt was made and did not end well |
 * | task complete | nothing, pending or in_progress | complete |
 */
export async function historiesFromFlags(db: Kysely<unknown>, { from, to }: Page): Promise<void> {
  await sql`
    WITH found AS MATERIALIZED (
      SELECT s.task_id, s.workflow_step_id, coalesce(c.sort_key, 0) AS sort_key, coalesce(c.to_state, 'pending') AS state,
        CASE WHEN s.processed THEN 'complete' WHEN s.in_process THEN 'in_progress' ELSE 'error' END AS becomes,
        CASE WHEN s.processed THEN 'processed' WHEN s.in_process THEN 'in_process' ELSE 'attempts' END AS flag,
        least(coalesce(s.last_attempted_at, s.processed_at, t.requested_at), clock_timestamp()) AS begun_at,
        least(greatest(coalesce(s.processed_at, s.last_attempted_at, t.requested_at), s.last_attempted_at), clock_timestamp())
          AS ended_at,
        coalesce(s.results ->> 'error_class', 'Error') AS error_name,
        coalesce(s.results ->> 'error', 'Tasker (Ruby) kept no history of this attempt') AS error_message
      FROM tasker.tasker_workflow_steps s
      JOIN tasker.tasker_tasks t ON t.task_id = s.task_id
      LEFT JOIN tasker.tasker_workflow_step_transitions c
        ON c.task_id = s.task_id AND c.workflow_step_id = s.workflow_step_id AND c.most_recent
      WHERE s.task_id BETWEEN ${from} AND ${to}
        AND CASE
          WHEN s.processed THEN coalesce(c.to_state, 'pending') IN ('pending', 'in_progress', 'error')
          ELSE c.to_state IS NULL AND (s.in_process OR s.attempts > 0)
        END
    ), flipped AS (
      UPDATE tasker.tasker_workflow_step_transitions x
      SET most_recent = false
      FROM found f
      WHERE x.task_id = f.task_id AND x.workflow_step_id = f.workflow_step_id AND x.most_recent
      RETURNING x.task_id
    ), added AS (
      SELECT f.*, 1 AS place, f.state AS from_state, 'in_progress' AS to_state, f.becomes = 'in_progress' AS most_recent,
        f.begun_at AS at
      FROM found f
      WHERE f.state <> 'in_progress'
      UNION ALL
      SELECT f.*, 1 + (f.state <> 'in_progress')::integer, 'in_progress', f.becomes, true, f.ended_at
      FROM found f
      WHERE f.becomes <> 'in_progress'
    )
    INSERT INTO tasker.tasker_workflow_step_transitions
      (task_id, workflow_step_id, sort_key, from_state, to_state, most_recent, cause, metadata, created_at)
    SELECT a.task_id, a.workflow_step_id, a.sort_key + a.place, a.from_state, a.to_state, a.most_recent, 'inherited',
      jsonb_build_object('by', ${BACKFILL}::text, 'flag', a.flag) || CASE
        WHEN a.to_state = 'error'
          THEN jsonb_build_object('error', jsonb_build_object('name', a.error_name, 'message', a.error_message))
        ELSE '{}'
      END, a.at
    FROM added a
    WHERE (SELECT count(*) FROM flipped) >= 0`.execute(db);
  await sql`
    WITH found AS MATERIALIZED (
      SELECT t.task_id, coalesce(c.sort_key, 0) AS sort_key, coalesce(c.to_state, 'pending') AS state,
        least(t.requested_at, clock_timestamp()) AS begun_at,
        least(
          coalesce((SELECT max(s.processed_at) FROM tasker.tasker_workflow_steps s WHERE s.task_id = t.task_id), t.requested_at),
          clock_timestamp()) AS ended_at
      FROM tasker.tasker_tasks t
      LEFT JOIN tasker.tasker_task_transitions c ON c.task_id = t.task_id AND c.most_recent
      WHERE t.task_id BETWEEN ${from} AND ${to} AND t.complete AND coalesce(c.to_state, 'pending') IN ('pending', 'in_progress')
    ), flipped AS (
      UPDATE tasker.tasker_task_transitions x
      SET most_recent = false
      FROM found f
      WHERE x.task_id = f.task_id AND x.most_recent
      RETURNING x.task_id
    ), added AS (
      SELECT f.*, 1 AS place, 'pending' AS from_state, 'in_progress' AS to_state, false AS most_recent, f.begun_at AS at
      FROM found f
      WHERE f.state = 'pending'
      UNION ALL
      SELECT f.*, 1 + (f.state = 'pending')::integer, 'in_progress', 'complete', true, f.ended_at FROM found f
    )
    INSERT INTO tasker.tasker_task_transitions
      (task_id, sort_key, from_state, to_state, most_recent, cause, metadata, created_at)
    SELECT a.task_id, a.sort_key + a.place, a.from_state, a.to_state, a.most_recent, 'inherited',
      jsonb_build_object('by', ${BACKFILL}::text, 'flag', 'complete'), a.at
    FROM added a
    WHERE (SELECT count(*) FROM flipped) >= 0`.execute(db);
}

/**
 * A step that was cancelled while its task went on becomes blocked: cancelled is final, and a task that waits for such a step
 * could neither go on nor end. Blocked, its task ends in error when nothing else can run, and an operator resolves or retries
 * the step. Only Tasker (Ruby) cancels single steps. The history keeps when it was cancelled, and from which state. If the
 * step was already in error, the row of the error stays.
 */
export async function blockCancelledSteps(db: Kysely<unknown>, { from, to }: Page, by = BACKFILL): Promise<void> {
  const note = sql`jsonb_build_object('by', ${by}::text, 'blocked', true, 'error', jsonb_build_object(
    'name', 'StepCancelled', 'message', 'this step was cancelled while its task went on: resolve the step, or retry it'))`;
  const open = sql`x.task_id BETWEEN ${from} AND ${to} AND x.most_recent AND x.to_state = 'cancelled'
    AND t.task_id = x.task_id AND t.state IN ('pending', 'in_progress', 'error')`;
  await sql`
    UPDATE tasker.tasker_workflow_step_transitions x
    SET to_state = 'error', cause = 'inherited',
        metadata = ${note} || jsonb_build_object('cancelled_at', x.created_at, 'cancelled_with', x.metadata)
    FROM tasker.tasker_tasks t
    WHERE ${open} AND x.from_state IS DISTINCT FROM 'error'`.execute(db);
  await sql`
    WITH cancelled AS (
      DELETE FROM tasker.tasker_workflow_step_transitions x USING tasker.tasker_tasks t
      WHERE ${open} AND x.from_state = 'error'
      RETURNING x.task_id, x.workflow_step_id, x.sort_key, x.created_at, x.metadata
    )
    UPDATE tasker.tasker_workflow_step_transitions x
    SET most_recent = true, cause = coalesce(x.cause, 'inherited'),
        metadata = ${note} || CASE WHEN jsonb_typeof(x.metadata) = 'object' THEN x.metadata ELSE '{}' END
          || jsonb_build_object('blocked', true, 'cancelled_at', c.created_at, 'cancelled_with', c.metadata)
    FROM cancelled c
    WHERE x.task_id = c.task_id AND x.workflow_step_id = c.workflow_step_id AND x.sort_key = c.sort_key - 1`.execute(
    db,
  );
}

/** The comment on tasker_tasks.bypass_steps in a database that was migrated. */
export const BYPASS_HONOURED = 'Names of steps that the task does without. Honoured since migration 0005.';

/** Whether this database has been migrated before: then bypass_steps was written by the engine, which honours it. */
export async function bypassIsHonoured(db: Kysely<unknown>): Promise<boolean> {
  const { rows } = await sql<{ comment: string | null }>`
    SELECT col_description(a.attrelid, a.attnum) AS comment FROM pg_attribute a
    WHERE a.attrelid = to_regclass('tasker.tasker_tasks') AND a.attname = 'bypass_steps'`.execute(db);
  return rows[0]?.comment === BYPASS_HONOURED;
}

/** Recorded in the column's comment, which survives the way down: on the way up again nothing is cleared. */
export async function honourBypass(db: Kysely<unknown>): Promise<void> {
  await sql`COMMENT ON COLUMN tasker.tasker_tasks.bypass_steps IS ${sql.lit(BYPASS_HONOURED)}`.execute(db);
}

/** Tasker (Ruby) stored bypass_steps and ran every step all the same. An open task keeps its list as a tag and skips nothing. */
export async function clearBypass(db: Kysely<unknown>, { from, to }: Page): Promise<void> {
  const kept = sql`'inherited_bypass_steps=' || t.bypass_steps::text`;
  await sql`
    UPDATE tasker.tasker_tasks t
    SET bypass_steps = NULL,
        tags = CASE
          WHEN jsonb_typeof(t.tags) = 'object' THEN t.tags || jsonb_build_object('inherited_bypass_steps', t.bypass_steps)
          WHEN t.tags IS NULL OR t.tags = 'null' THEN jsonb_build_array(${kept})
          ELSE t.tags || jsonb_build_array(${kept})
        END
    WHERE t.task_id BETWEEN ${from} AND ${to} AND t.state IN ('pending', 'in_progress', 'error')
      AND t.bypass_steps IS NOT NULL AND t.bypass_steps NOT IN ('null', '[]')`.execute(db);
}
