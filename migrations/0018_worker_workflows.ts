import { type Kysely, sql } from 'kysely';
import { blockCancelledSteps } from './support/inherit.ts';

/** Its repairs commit task by task beside a fleet at work, so this migration runs outside a transaction; it can be run again. */
export const config = { transaction: false };

/**
 * What each worker serves and what it could not register (`tasker workflows`). Also repairs what the first form of migration
 * 0005 (version 0.1.0) left in databases of Tasker (Ruby); one scan each of the two histories and the steps finds it, and other
 * databases have none of it:
 *
 * - a row of Tasker (Ruby) that was most recent and is still marked so, although the engine has written others since;
 * - a cancelled step in a task that goes on, which would wait for it for ever: it becomes blocked.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE IF NOT EXISTS tasker.tasker_worker_workflows (
      worker_id bigint NOT NULL,
      namespace text NOT NULL,
      name text NOT NULL,
      version text NOT NULL,
      named_task_id integer,
      problem text,
      reported_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      PRIMARY KEY (worker_id, namespace, name, version),
      CONSTRAINT worker_workflows_served_or_refused CHECK ((named_task_id IS NULL) = (problem IS NOT NULL))
    )`.execute(db);
  await endStaleMostRecent(db, 'tasker.tasker_workflow_step_transitions', 'y.workflow_step_id = x.workflow_step_id');
  await endStaleMostRecent(db, 'tasker.tasker_task_transitions', 'true');
  const { rows } = await sql<{ task_id: string }>`
    SELECT DISTINCT s.task_id
    FROM tasker.tasker_workflow_steps s
    JOIN tasker.tasker_tasks t ON t.task_id = s.task_id
    WHERE s.state = 'cancelled' AND t.state IN ('pending', 'in_progress', 'error')
    ORDER BY s.task_id`.execute(db);
  for (const { task_id: taskId } of rows) {
    await db.transaction().execute((trx) => blockCancelled(trx, taskId));
  }
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP TABLE tasker.tasker_worker_workflows`.execute(db);
}

/** The engine writes only to the last row of a history, so no other process writes these. */
async function endStaleMostRecent(db: Kysely<unknown>, table: string, sameStep: string): Promise<void> {
  await sql`
    UPDATE ${sql.raw(table)} x
    SET most_recent = false
    WHERE x.most_recent AND coalesce(x.cause, 'inherited') = 'inherited' AND EXISTS (
      SELECT FROM ${sql.raw(table)} y
      WHERE y.task_id = x.task_id AND ${sql.raw(sameStep)} AND y.sort_key > x.sort_key)`.execute(db);
}

/** Steps by key before the task, as every statement of the engine locks them. A sweep of the scheduler ends the task if it can do no more. */
async function blockCancelled(db: Kysely<unknown>, taskId: string): Promise<void> {
  await sql`
    SELECT FROM tasker.tasker_workflow_steps s
    WHERE s.task_id = ${taskId} AND s.state IN ('pending', 'in_progress', 'error', 'cancelled')
    ORDER BY s.task_id, s.workflow_step_id
    FOR NO KEY UPDATE`.execute(db);
  const { rows } = await sql<{ state: string }>`
    SELECT t.state FROM tasker.tasker_tasks t WHERE t.task_id = ${taskId} FOR NO KEY UPDATE`.execute(db);
  if (!['pending', 'in_progress', 'error'].includes(rows[0]?.state ?? '')) return;
  await blockCancelledSteps(db, { from: taskId, to: taskId }, 'migration 0018_worker_workflows');
  await sql`
    UPDATE tasker.tasker_workflow_steps s
    SET state = 'error', blocked_at = clock_timestamp(), sort_key = c.sort_key
    FROM tasker.tasker_workflow_step_transitions c
    WHERE s.task_id = ${taskId} AND s.state = 'cancelled'
      AND c.task_id = s.task_id AND c.workflow_step_id = s.workflow_step_id AND c.most_recent AND c.to_state = 'error'`.execute(
    db,
  );
  await sql`
    UPDATE tasker.tasker_workflow_steps SET task_blocked = true
    WHERE task_id = ${taskId} AND state IN ('pending', 'in_progress', 'error') AND NOT task_blocked`.execute(db);
}
