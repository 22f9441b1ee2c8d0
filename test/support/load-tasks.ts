import type { Pool } from 'pg';

/**
 * Fills the database with tasks of a registered workflow in mixed states, with their history, by INSERT ... SELECT: millions within
 * seconds, for plan tests and benchmarks. The data satisfies every invariant of the doctor.
 *
 * A task's progress is the number of its steps, in topological order, that are done. The tasks take their progress from the entries
 * of `progress` in turn; `-1` means all steps. They begin within the last day, or evenly in `times`.
 */
export async function loadTasks(
  pool: Pick<Pool, 'query'>,
  options: {
    namedTaskId: number;
    tasks: number;
    progress: readonly number[];
    batch?: number;
    /** The id of the first one; default: behind the newest. With it several may load at once. */
    first?: number;
    times?: { from: Date; until: Date };
  },
): Promise<void> {
  const batch = options.batch ?? 50_000;
  for (let done = 0; done < options.tasks; done += batch) {
    const count = Math.min(batch, options.tasks - done);
    const { rows } = await pool.query<{ first: string }>(
      `SELECT coalesce(max(task_id), 0) + 1 AS first FROM tasker.tasker_tasks`,
    );
    const first = options.first === undefined ? rows[0]?.first : String(options.first + done);
    const values = [first, count, options.namedTaskId, options.progress];
    const times = [...values, ...beginningsOf(options, done)];
    await pool.query(TASKS, times);
    await pool.query(STEPS, times);
    await pool.query(EDGES, values.slice(0, 3));
    await pool.query(STEP_HISTORY, values.slice(0, 2));
    await pool.query(TASK_HISTORY, values.slice(0, 2));
  }
  await pool.query(
    `SELECT setval(pg_get_serial_sequence('tasker.tasker_tasks', 'task_id'), max(task_id)) FROM tasker.tasker_tasks`,
  );
}

/** When the first task of a batch begins, and how many seconds lie between two; null: within the last day. */
function beginningsOf(
  { tasks, times }: { tasks: number; times?: { from: Date; until: Date } },
  done: number,
): [Date | null, number | null] {
  if (times === undefined) return [null, null];
  const spacingMs = (times.until.getTime() - times.from.getTime()) / tasks;
  return [new Date(times.from.getTime() + done * spacingMs), spacingMs / 1000];
}

/** $1 first id, $2 number of tasks, $3 named task id, $4 progress, $5 and $6 see beginningsOf. */
const PLANNED = `
WITH template AS MATERIALIZED (
  SELECT count(*)::integer AS steps FROM tasker.tasker_named_tasks_named_steps WHERE named_task_id = $3::integer
), planned AS MATERIALIZED (
  SELECT i.task_id, p.steps,
    CASE WHEN p.wanted < 0 THEN p.steps ELSE least(p.wanted, p.steps) END AS done,
    coalesce($5::timestamptz + (i.task_id - $1::bigint) * $6::float8 * interval '1 second',
      statement_timestamp() - interval '1 day' + (i.task_id % 80000) * interval '1 second') AS began_at
  FROM generate_series($1::bigint, $1::bigint + $2::integer - 1) AS i (task_id)
  CROSS JOIN LATERAL (
    SELECT steps, ($4::integer[])[1 + (i.task_id % cardinality($4::integer[]))::integer] AS wanted FROM template
  ) p
)`;

const TASKS = `${PLANNED}
INSERT INTO tasker.tasker_tasks
  (task_id, named_task_id, context, identity_hash, requested_at, state, complete, completed_at, sort_key, unfinished_sinks)
SELECT p.task_id, $3::integer, jsonb_build_object('n', p.task_id), 'loaded ' || p.task_id, p.began_at,
  CASE WHEN p.done = 0 THEN 'pending' WHEN p.done = p.steps THEN 'complete' ELSE 'in_progress' END,
  p.done = p.steps,
  CASE WHEN p.done = p.steps THEN p.began_at + interval '5 minutes' END,
  CASE WHEN p.done = 0 THEN 0 WHEN p.done = p.steps THEN 2 ELSE 1 END,
  (SELECT count(*) FROM tasker.tasker_named_tasks_named_steps n
   WHERE n.named_task_id = $3::integer AND n.children = '{}' AND n.ordinal > p.done)
FROM planned p`;

const STEPS = `${PLANNED}
INSERT INTO tasker.tasker_workflow_steps
  (task_id, workflow_step_id, named_step_id, named_task_id, queue, priority, retryable, retry_limit, skippable, total_parents,
   unmet_parents, children, ready_at, state, processed, processed_at, attempts, last_attempted_at, results, sort_key)
SELECT p.task_id, p.task_id * 65536 + n.ordinal, n.named_step_id, $3::integer, n.queue, n.priority, n.default_retryable,
  n.default_retry_limit, n.skippable, cardinality(n.parents), n.unmet,
  ARRAY(SELECT p.task_id * 65536 + c.ordinal FROM unnest(n.children) AS c (ordinal)),
  CASE WHEN n.ordinal > p.done AND n.unmet = 0 THEN p.began_at + n.ordinal * interval '100 milliseconds' END,
  CASE WHEN n.ordinal > p.done THEN 'pending' ELSE 'complete' END,
  n.ordinal <= p.done,
  CASE WHEN n.ordinal <= p.done THEN p.began_at + n.ordinal * interval '100 milliseconds' + interval '50 milliseconds' END,
  (n.ordinal <= p.done)::integer,
  CASE WHEN n.ordinal <= p.done THEN p.began_at + n.ordinal * interval '100 milliseconds' END,
  CASE WHEN n.ordinal <= p.done THEN '{"ok": true}'::jsonb END,
  CASE WHEN n.ordinal <= p.done THEN 2 ELSE 0 END
FROM planned p
CROSS JOIN LATERAL (
  SELECT s.*, (SELECT count(*)::integer FROM unnest(s.parents) AS x (ordinal) WHERE x.ordinal > p.done) AS unmet
  FROM tasker.tasker_named_tasks_named_steps s
  WHERE s.named_task_id = $3::integer
) n`;

const EDGES = `
INSERT INTO tasker.tasker_workflow_step_edges (task_id, from_step_id, to_step_id)
SELECT i.task_id, i.task_id * 65536 + x.ordinal, i.task_id * 65536 + n.ordinal
FROM generate_series($1::bigint, $1::bigint + $2::integer - 1) AS i (task_id)
JOIN tasker.tasker_named_tasks_named_steps n ON n.named_task_id = $3::integer
CROSS JOIN LATERAL unnest(n.parents) AS x (ordinal)`;

const STEP_HISTORY = `
INSERT INTO tasker.tasker_workflow_step_transitions
  (task_id, workflow_step_id, sort_key, from_state, to_state, most_recent, cause, claim_id, worker_id, created_at)
SELECT s.task_id, s.workflow_step_id, h.sort_key, h.from_state, h.to_state, h.sort_key = 2, h.cause,
  md5(s.workflow_step_id::text)::uuid, 1,
  CASE h.sort_key WHEN 1 THEN s.last_attempted_at ELSE s.processed_at END
FROM tasker.tasker_workflow_steps s
CROSS JOIN (VALUES (1, 'pending', 'in_progress', 'claim'), (2, 'in_progress', 'complete', 'complete'))
  AS h (sort_key, from_state, to_state, cause)
WHERE s.task_id >= $1::bigint AND s.task_id < $1::bigint + $2::integer AND s.state = 'complete'`;

const TASK_HISTORY = `
INSERT INTO tasker.tasker_task_transitions (task_id, sort_key, from_state, to_state, most_recent, cause, created_at)
SELECT t.task_id, h.sort_key, h.from_state, h.to_state, h.sort_key = t.sort_key, h.cause,
  CASE h.sort_key WHEN 1 THEN t.requested_at ELSE t.completed_at END
FROM tasker.tasker_tasks t
CROSS JOIN (VALUES (1, 'pending', 'in_progress', 'claim'), (2, 'in_progress', 'complete', 'complete'))
  AS h (sort_key, from_state, to_state, cause)
WHERE t.task_id >= $1::bigint AND t.task_id < $1::bigint + $2::integer AND h.sort_key <= t.sort_key`;
