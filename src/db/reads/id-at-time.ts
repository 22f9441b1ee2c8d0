import { defineStatement } from '../statement.ts';

/** How many tasks each probe reads: tasks with the times of another system among them, at most 15 in a row, mislead no probe. */
const WINDOW = 16;

export interface IdAtTimeRow {
  /** Every task that was requested at this time or later has this id or a higher one. */
  first: string | null;
  /** Every task that was requested before this time has a lower id; null: there is no higher one. */
  past: string | null;
}

/**
 * Where a time is among the ids of tasks. Ids rise with the time of the request, so no index on the time is needed: the range of ids is
 * halved until it is found, with one descent of the primary key each time, 24 for 16 million tasks.
 *
 * A probe takes the latest time of a window of tasks. Ids and times of concurrent submits may cross by moments: callers widen their
 * times by that and compare the times of the tasks that they find.
 */
export const findIdAtTime = defineStatement<IdAtTimeRow>()({
  name: 'find_id_at_time',
  params: { at: 'timestamptz' },
  text: `
WITH RECURSIVE search AS (
  SELECT (SELECT min(t.task_id) FROM tasker.tasker_tasks t) AS low, (SELECT max(t.task_id) + 1 FROM tasker.tasker_tasks t) AS high
  UNION ALL
  SELECT CASE WHEN p.latest_at < :at::timestamptz THEN p.last_id + 1 ELSE s.low END,
    CASE WHEN p.latest_at < :at::timestamptz THEN s.high ELSE m.middle END
  FROM search s
  CROSS JOIN LATERAL (SELECT s.low + (s.high - s.low) / 2 AS middle) m
  CROSS JOIN LATERAL (
    SELECT max(w.task_id) AS last_id, max(w.requested_at) AS latest_at
    FROM (
      SELECT t.task_id, t.requested_at
      FROM tasker.tasker_tasks t
      WHERE t.task_id >= m.middle AND t.task_id < s.high
      ORDER BY t.task_id
      LIMIT ${WINDOW}
    ) w
  ) p
  WHERE s.low < s.high
)
SELECT f.low AS first, (
    SELECT t.task_id
    FROM tasker.tasker_tasks t
    WHERE t.task_id >= f.low
    ORDER BY t.task_id
    OFFSET ${WINDOW}
    LIMIT 1) AS past
FROM search f
WHERE f.low >= f.high`,
});
