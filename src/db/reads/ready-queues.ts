import { isPause } from '../statements/acts/pauses.ts';

/**
 * Queues that have ready steps: their names, one look-up in steps_ready for each, from the end: claims take steps from the front of a queue, and
 * the entries of what they took remain there until a vacuum. CTEs for a statement that begins with WITH RECURSIVE; the row that ends the walk has no name.
 */
export const READY_QUEUES = `queues AS (
  (SELECT s.queue FROM tasker.tasker_workflow_steps s WHERE s.ready_at IS NOT NULL ORDER BY s.queue DESC LIMIT 1)
  UNION ALL
  SELECT (
    SELECT s.queue FROM tasker.tasker_workflow_steps s WHERE s.ready_at IS NOT NULL AND s.queue < q.queue ORDER BY s.queue DESC LIMIT 1
  )
  FROM queues q
  WHERE q.queue IS NOT NULL
)`;

/** A transaction that made a step ready may have committed that long afterwards. */
const LATE_SECONDS = 5;

/**
 * Below it no ready step of a queue is: the oldest of the last evaluation of the scaling, `signal`, if that is valid; else before all. Claims take steps from the front of a queue, and the entries
 * of what they took remain there until a vacuum. A reader of the front that begins at the floor passes them without reading the row of each. The evaluation leaves out what is paused, so with a
 * paused workflow it says nothing. A step that was left out (its transaction wrote for longer than 5 s) is read after the next evaluation.
 */
export const floorOf = (
  signal: string,
): string => `CASE WHEN ${signal}.queue IS NULL OR ${signal}.valid_until <= clock_timestamp()
      OR EXISTS (SELECT FROM tasker.tasker_pauses z WHERE z.kind = 'workflow' AND ${isPause('z')}) THEN '-infinity'::timestamptz
    ELSE ${signal}.measured_at - make_interval(secs => ${signal}.oldest_ready_seconds + ${LATE_SECONDS}) END`;

/**
 * Condition: `time`, when a step became ready, is not below the floor. Of a time after one that is not known yet PostgreSQL expects a third of the table, and reads all of it as gladly as the index; of a time between
 * two, a two-hundredth.
 */
export const fromFloorOn = (time: string, floor: string): string =>
  `${time} >= ${floor} AND ${time} <= 'infinity'::timestamptz`;
