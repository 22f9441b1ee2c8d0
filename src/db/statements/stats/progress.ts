import { defineStatement } from '../../statement.ts';

/**
 * How far the histories are counted. Time is counted in slices, one after the other, none of which reaches over the end of an hour. A
 * transition is counted by its `created_at`, so it is counted once, however often its task is visited.
 *
 * `created_at` is written before the commit. So a slice ends a moment before it is opened (`settleSeconds`), and is counted when every
 * transaction that was running at its opening is over: then nothing can appear in it any more.
 */
export interface ProgressRow {
  /** Null: counting has not begun. */
  counted_until: Date | null;
  slice_until: Date | null;
  slice_phase: 'listed' | 'young' | null;
  /** Every transaction that was running at the opening is over; null: nothing was opened. */
  settled: boolean | null;
  /** Seconds that are over and not counted. */
  lag_seconds: number;
}

/**
 * This transaction's own number: every other one that has written has a lower one. Not the snapshot's xmax, which is the number behind the
 * last transaction that has ended: one that is running may have a higher one.
 */
const OWN_NUMBER = 'pg_current_xact_id()::text::bigint';
/** The highest id so far; one descent of the primary key. */
const LAST_TASK = '(SELECT coalesce(max(t.task_id), 0) FROM tasker.tasker_tasks t)';

/** Locks the row, for one transaction; no row if another scheduler holds it. */
export const lockRunStats = defineStatement<ProgressRow>()({
  name: 'lock_run_stats',
  text: `
SELECT p.counted_until, p.slice_until, p.slice_phase,
  pg_snapshot_xmin(pg_current_snapshot())::text::bigint > p.settled_after AS settled,
  coalesce(extract(epoch FROM clock_timestamp() - p.counted_until), 0)::float8 AS lag_seconds
FROM tasker.tasker_run_stats_progress p
FOR NO KEY UPDATE SKIP LOCKED`,
});

/** Before counting begins: remembers the highest id, and which transactions may have lower ones that are not visible yet. */
export const prepareRunStats = defineStatement()({
  name: 'prepare_run_stats',
  text: `
UPDATE tasker.tasker_run_stats_progress
SET settled_after = ${OWN_NUMBER}, listed_up_to = ${LAST_TASK}`,
});

/** With a first task younger than this all of them are counted: what a new fleet has done before a scheduler began to count is not lost. */
const NEW_DATABASE = "interval '1 hour'";

/**
 * Begins to count now, when the transactions of `prepareRunStats` are over: lists every open task. Each has a step that is ready, in
 * progress, waiting for its retry or blocked, so they are found by the indexes of these, and not by a scan of all tasks. The first hour
 * is not whole. In a new database it begins with the first task instead, one descent of the primary key: then every task is a young one,
 * and none is listed, which would count it twice.
 */
export const beginRunStats = defineStatement()({
  name: 'begin_run_stats',
  text: `
WITH oldest AS MATERIALIZED (
  SELECT t.requested_at FROM tasker.tasker_tasks t ORDER BY t.task_id LIMIT 1
), young AS MATERIALIZED (
  SELECT o.requested_at AS began_at
  FROM oldest o
  WHERE o.requested_at BETWEEN clock_timestamp() - ${NEW_DATABASE} AND clock_timestamp()
), open AS MATERIALIZED (
  SELECT s.task_id FROM tasker.tasker_workflow_steps s WHERE s.ready_at IS NOT NULL
  UNION
  SELECT s.task_id FROM tasker.tasker_workflow_steps s WHERE s.next_retry_at IS NOT NULL
  UNION
  SELECT s.task_id FROM tasker.tasker_workflow_steps s WHERE s.blocked_at IS NOT NULL
  UNION
  SELECT c.task_id FROM tasker.tasker_claims, unnest(task_ids) AS c (task_id)
), listed AS (
  INSERT INTO tasker.tasker_run_stats_tasks (task_id)
  SELECT o.task_id FROM open o
  WHERE NOT EXISTS (SELECT FROM young)
  ON CONFLICT DO NOTHING
  RETURNING task_id
), moment AS MATERIALIZED (
  SELECT count(*) AS listed, coalesce((SELECT y.began_at FROM young y), clock_timestamp()) AS began_at FROM listed
)
UPDATE tasker.tasker_run_stats_progress
SET counted_until = m.began_at,
    listed_up_to = CASE WHEN EXISTS (SELECT FROM young) THEN 0 ELSE listed_up_to END,
    counted_from = date_trunc('hour', m.began_at, 'UTC') + interval '1 hour',
    settled_after = NULL
FROM moment m`,
});

/**
 * Opens the next slice: up to the end of its hour, if that is over, or else if it has `slice_seconds`. Returns a row if it did. Tasks
 * that were not young at the opening before last, `young_seconds` ago at least, are listed while it is counted: an id may become visible
 * later than a higher one, but not by minutes.
 */
export const openSlice = defineStatement<{ slice_until: Date }>()({
  name: 'open_stats_slice',
  params: { slice_seconds: 'float8', settle_seconds: 'float8', young_seconds: 'float8' },
  text: `
WITH next AS MATERIALIZED (
  SELECT p.counted_until, clock_timestamp() AS now,
    least(date_trunc('hour', p.counted_until, 'UTC') + interval '1 hour',
      clock_timestamp() - make_interval(secs => :settle_seconds)) AS until,
    date_trunc('hour', p.counted_until, 'UTC') + interval '1 hour' AS hour_ends_at,
    coalesce(p.next_listed_at <= clock_timestamp() - make_interval(secs => :young_seconds), false) AS moves,
    ${LAST_TASK} AS last_task_id
  FROM tasker.tasker_run_stats_progress p
)
UPDATE tasker.tasker_run_stats_progress p
SET slice_until = n.until,
    slice_task_id = n.last_task_id,
    slice_listed_up_to = CASE WHEN n.moves THEN p.next_listed_up_to ELSE p.listed_up_to END,
    next_listed_up_to = CASE WHEN n.moves OR p.next_listed_at IS NULL THEN n.last_task_id ELSE p.next_listed_up_to END,
    next_listed_at = CASE WHEN n.moves OR p.next_listed_at IS NULL THEN n.now ELSE p.next_listed_at END,
    slice_phase = 'listed',
    slice_cursor = 0,
    settled_after = ${OWN_NUMBER}
FROM next n
WHERE n.until = n.hour_ends_at OR n.until >= n.counted_until + make_interval(secs => :slice_seconds)
RETURNING p.slice_until`,
});

/** Goes on behind `cursor`; null: the phase is over. */
export const moveSliceCursor = defineStatement()({
  name: 'move_stats_cursor',
  params: { cursor: 'bigint | null' },
  text: `
UPDATE tasker.tasker_run_stats_progress p
SET slice_phase = CASE WHEN :cursor::bigint IS NULL THEN 'young' ELSE p.slice_phase END,
    slice_cursor = coalesce(:cursor::bigint, p.listed_up_to)`,
});

/** The sums that the end of a slice makes new; null: it ended no hour, or no day. */
export interface ClosedSliceRow {
  counted_until: Date;
  day: Date | null;
  week: Date | null;
}

/** All of the slice is counted. If it ended an hour, its day is summed anew; if it ended a day, its week is. */
export const closeSlice = defineStatement<ClosedSliceRow>()({
  name: 'close_stats_slice',
  text: `
UPDATE tasker.tasker_run_stats_progress p
SET counted_until = p.slice_until,
    listed_up_to = p.slice_listed_up_to,
    slice_until = NULL,
    slice_task_id = NULL,
    slice_listed_up_to = NULL,
    slice_phase = NULL,
    settled_after = NULL
RETURNING p.counted_until,
  CASE WHEN p.counted_until = date_trunc('hour', p.counted_until, 'UTC') THEN
    date_trunc('day', p.counted_until - interval '1 hour', 'UTC') END AS day,
  CASE WHEN p.counted_until = date_trunc('day', p.counted_until, 'UTC') THEN
    date_trunc('week', p.counted_until - interval '1 hour', 'UTC') END AS week`,
});

/** Rows that one round removes. */
const PRUNED = 5000;

const oldest = (period: string, keptDays: string): string => `(
    SELECT r.period, r.starts_at, r.named_task_id, r.named_step_id
    FROM tasker.tasker_run_stats r
    WHERE r.period = '${period}' AND r.starts_at < date_trunc('day', p.counted_until, 'UTC') - make_interval(days => ${keptDays})
    ORDER BY r.starts_at
    LIMIT ${PRUNED})`;

/**
 * Removes the oldest hours, days and weeks that are not to be kept any longer, some thousands at once. The doctor compares hours with
 * the histories from `counted_from` on, so that moves with them.
 */
export const pruneRunStats = defineStatement()({
  name: 'prune_run_stats',
  params: { hours_kept_days: 'integer', days_kept_days: 'integer' },
  text: `
WITH old AS MATERIALIZED (
  SELECT o.*
  FROM tasker.tasker_run_stats_progress p
  CROSS JOIN LATERAL (${[
    oldest('hour', ':hours_kept_days'),
    oldest('day', ':days_kept_days'),
    oldest('week', ':days_kept_days'),
  ].join('\n    UNION ALL ')}
  ) o
), pruned AS (
  DELETE FROM tasker.tasker_run_stats r
  USING old o
  WHERE r.period = o.period AND r.starts_at = o.starts_at AND r.named_task_id = o.named_task_id AND r.named_step_id = o.named_step_id
  RETURNING r.period
)
UPDATE tasker.tasker_run_stats_progress p
SET counted_from = date_trunc('day', p.counted_until, 'UTC') - make_interval(days => :hours_kept_days)
WHERE EXISTS (SELECT FROM pruned x WHERE x.period = 'hour')
  AND p.counted_from < date_trunc('day', p.counted_until, 'UTC') - make_interval(days => :hours_kept_days)`,
});
