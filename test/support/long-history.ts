import type { Pool } from 'pg';

export interface LongHistory {
  /** Of the workflow of nearly every task, and of one that ran only long ago. */
  common: number;
  rare: number;
  /** Of the step that is blocked in tasks in error. */
  namedStep: number;
  tasks: number;
}

/** When task 1 was requested; each further one a second later. */
export const FIRST_REQUEST = new Date('2026-01-01T00:00:00Z');

/** When a task of a long history was requested. */
export const requestedAt = (taskId: number): Date => new Date(FIRST_REQUEST.getTime() + (taskId - 1) * 1000);

/**
 * Rows of a long history, for lists: tasks without steps, except for those that a list finds by their steps, and a fifth of the others. Among many common tasks
 * there are some that a list has to find by an index: far back, and few.
 */
export async function loadHistory(pool: Pick<Pool, 'query'>, options: LongHistory): Promise<void> {
  const values = [options.tasks, options.common, options.rare, FIRST_REQUEST];
  await pool.query(TASKS, values);
  await pool.query(TRANSITIONS);
  await pool.query(STEPS, [options.namedStep]);
  await pool.query(ERRORS);
  await pool.query(`SELECT setval(pg_get_serial_sequence('tasker.tasker_tasks', 'task_id'), $1)`, [options.tasks]);
  await pool.query(
    `VACUUM (ANALYZE) tasker.tasker_tasks, tasker.tasker_workflow_steps, tasker.tasker_task_transitions`,
  );
}

const TASKS = `
INSERT INTO tasker.tasker_tasks
  (task_id, named_task_id, context, identity_hash, requested_at, state, complete, completed_at, sort_key, initiator, tags, schedule)
SELECT i,
  CASE WHEN i % 211 = 0 AND i < 9000 THEN $3::integer ELSE $2::integer END,
  '{}', 'history ' || i, $4::timestamptz + (i - 1) * interval '1 second', s.state, s.state = 'complete',
  CASE WHEN s.state IN ('complete', 'cancelled') THEN $4::timestamptz + i * interval '1 second' END,
  2,
  CASE WHEN i % 50 = 11 THEN 'schedule:nightly' WHEN i % 307 = 0 AND i < 9000 THEN 'alice' WHEN i % 10 = 3 THEN 'web' END,
  CASE WHEN i % 401 = 0 AND i < 9000 THEN '["vip", "acme"]'::jsonb WHEN i % 20 = 7 THEN '["acme"]'::jsonb END,
  CASE WHEN i % 50 = 11 THEN jsonb_build_object('name', 'nightly', 'scheduled_at', '2026-01-01T00:00:00Z') END
FROM generate_series(1, $1::integer) AS i
CROSS JOIN LATERAL (
  SELECT CASE
    WHEN i % 499 = 0 AND i < 9000 THEN 'cancelled'
    WHEN i % 397 = 0 AND i < 9000 THEN 'error'
    WHEN i > $1::integer - 60 AND i % 2 = 0 THEN 'pending'
    ELSE 'complete' END AS state
) s`;

const TRANSITIONS = `
INSERT INTO tasker.tasker_task_transitions (task_id, sort_key, from_state, to_state, most_recent, cause)
SELECT t.task_id, 1, 'in_progress', t.state, true, CASE t.state WHEN 'cancelled' THEN 'cancel' WHEN 'error' THEN 'step_blocked' ELSE 'complete' END
FROM tasker.tasker_tasks t
WHERE t.state <> 'pending'`;

const STEPS = `
INSERT INTO tasker.tasker_workflow_steps
  (task_id, workflow_step_id, named_step_id, named_task_id, state, processed, blocked_at, ready_at, attempts, sort_key)
SELECT t.task_id, t.task_id * 65536 + 1, $1::integer, t.named_task_id, t.state, t.complete,
  CASE t.state WHEN 'error' THEN t.requested_at END, CASE t.state WHEN 'pending' THEN t.requested_at END,
  CASE t.state WHEN 'error' THEN 3 ELSE 0 END, CASE t.state WHEN 'error' THEN 2 ELSE 0 END
FROM tasker.tasker_tasks t
WHERE t.state IN ('error', 'pending') OR t.state = 'complete' AND t.task_id % 5 = 0`;

const ERRORS = `
INSERT INTO tasker.tasker_workflow_step_transitions
  (task_id, workflow_step_id, sort_key, from_state, to_state, most_recent, cause, metadata)
SELECT s.task_id, s.workflow_step_id, 2, 'in_progress', 'error', true, 'fail',
  jsonb_build_object('error', jsonb_build_object('name', 'Error', 'code', CASE WHEN s.task_id % 2 = 0 THEN 'ECONNRESET' ELSE 'EPIPE' END,
    'message', 'shop ' || s.task_id))
FROM tasker.tasker_workflow_steps s
WHERE s.state = 'error'`;
