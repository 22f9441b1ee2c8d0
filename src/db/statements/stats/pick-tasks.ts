import { defineStatement } from '../../statement.ts';
import { isOpen } from '../rules/open-states.ts';
import { sameTask } from '../rules/same-task.ts';

/** One part of the tasks that a slice visits. */
export interface PickedRow {
  /** Of tasks that may have transitions in the slice. */
  task_ids: string[];
  /** The last id that was read; null: there are no more. */
  cursor: string | null;
}

/** The task `t` may have transitions at or after the time `time`: none comes after its end. */
const mayHaveTransitionsAt = (time: string): string => `(${isOpen('t')} OR t.completed_at >= ${time})`;

/** A transition of the task `t` in the slice itself, or later, may not be counted yet. */
const LATER = mayHaveTransitionsAt('p.slice_until');

/** The next listed tasks, except those in error in which nothing is new. */
export const pickListedTasks = defineStatement<PickedRow>()({
  name: 'pick_listed_tasks',
  params: { limit: 'integer' },
  text: `
WITH part AS MATERIALIZED (
  SELECT l.task_id, l.quiet_sort_key
  FROM tasker.tasker_run_stats_progress p
  JOIN tasker.tasker_run_stats_tasks l ON l.task_id > p.slice_cursor
  ORDER BY l.task_id
  LIMIT :limit
)
SELECT coalesce(array_agg(t.task_id::text) FILTER (
    WHERE t.task_id IS NOT NULL AND (t.sort_key IS DISTINCT FROM l.quiet_sort_key OR t.state <> 'error')), '{}') AS task_ids,
  max(l.task_id) AS cursor
FROM part l
LEFT JOIN LATERAL (SELECT * FROM tasker.tasker_tasks x WHERE x.task_id = l.task_id LIMIT 1) t ON true`,
});

/** The next young tasks that may have transitions in the slice. Reads a range of the primary key. One that was just listed was visited. */
export const pickYoungTasks = defineStatement<PickedRow>()({
  name: 'pick_young_tasks',
  params: { limit: 'integer' },
  text: `
WITH progress AS MATERIALIZED (
  SELECT p.counted_until, p.slice_cursor, p.slice_task_id FROM tasker.tasker_run_stats_progress p
), part AS MATERIALIZED (
  SELECT t.task_id, ${mayHaveTransitionsAt('(SELECT p.counted_until FROM progress p)')} AS counts
  FROM tasker.tasker_tasks t
  WHERE t.task_id > (SELECT p.slice_cursor FROM progress p) AND t.task_id <= (SELECT p.slice_task_id FROM progress p)
  ORDER BY t.task_id
  LIMIT :limit
)
SELECT coalesce(array_agg(t.task_id::text) FILTER (WHERE t.counts AND NOT EXISTS (
    SELECT FROM tasker.tasker_run_stats_tasks l WHERE l.task_id = t.task_id)), '{}') AS task_ids, max(t.task_id) AS cursor
FROM part t`,
});

/**
 * After the listed tasks of a part were counted: removes those that have nothing more to count, and marks those in error of which all is
 * counted.
 */
export const keepListedTasks = defineStatement()({
  name: 'keep_listed_tasks',
  params: { cursor: 'bigint' },
  text: `
WITH part AS MATERIALIZED (
  SELECT l.task_id, coalesce(${LATER}, false) AS stays,
    CASE WHEN t.state = 'error' AND EXISTS (
      SELECT FROM tasker.tasker_task_transitions h
      WHERE ${sameTask('h.task_id', 't.task_id')} AND h.sort_key = t.sort_key AND h.created_at < p.slice_until) THEN t.sort_key END AS quiet_sort_key
  FROM tasker.tasker_run_stats_progress p
  JOIN tasker.tasker_run_stats_tasks l ON l.task_id > p.slice_cursor AND l.task_id <= :cursor
  LEFT JOIN LATERAL (SELECT * FROM tasker.tasker_tasks x WHERE x.task_id = l.task_id LIMIT 1) t ON true
), gone AS (
  DELETE FROM tasker.tasker_run_stats_tasks l
  USING part q
  WHERE l.task_id = q.task_id AND NOT q.stays
)
UPDATE tasker.tasker_run_stats_tasks l
SET quiet_sort_key = q.quiet_sort_key
FROM part q
WHERE l.task_id = q.task_id AND q.stays AND l.quiet_sort_key IS DISTINCT FROM q.quiet_sort_key`,
});

/** Lists the tasks of a part that are young no longer and have more to count. */
export const listAgedTasks = defineStatement()({
  name: 'list_aged_tasks',
  params: { cursor: 'bigint' },
  text: `
INSERT INTO tasker.tasker_run_stats_tasks (task_id)
SELECT t.task_id
FROM tasker.tasker_run_stats_progress p
JOIN tasker.tasker_tasks t ON t.task_id > p.slice_cursor AND t.task_id <= least(:cursor, p.slice_listed_up_to)
WHERE ${LATER}
ON CONFLICT DO NOTHING`,
});
