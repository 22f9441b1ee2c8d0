import { defineStatement } from '../statement.ts';
import { isPause } from '../statements/acts/pauses.ts';
import { isLive } from '../statements/rules/live-process.ts';
import { MOST_URGENT } from '../../workflow/priority.ts';
import { floorOf, fromFloorOn, READY_QUEUES } from './ready-queues.ts';

/** Ready steps of a queue that are counted one by one: further ones cost a reader nothing. */
const MOST_COUNTED = 10_000;
/** In all queues together; of a queue at least `LEAST_COUNTED`. */
const MOST_OF_ALL = 200_000;
const LEAST_COUNTED = 100;
/** Of a queue with more ready steps than are counted: priorities that are asked for their oldest step. */
const MOST_PRIORITIES = 100;

/**
 * What a number of ready steps is. `exact`: counted. `about`: there are more than are counted for every reader, and a scheduler counted this
 * number for its last evaluation of the scaling. `at_least`: there are more, and no scheduler has counted them lately; or the queue is paused, so
 * that none does.
 */
export type ReadyPrecision = 'exact' | 'about' | 'at_least';

/** A queue that has ready steps: how many, and how long the oldest has waited. */
export interface QueueDepthRow {
  queue: string;
  ready: number;
  ready_is: ReadyPrecision;
  oldest_ready_seconds: number;
}

/** The ready steps of several queues, no more precise than the least precise of them. */
export function sumReady(queues: readonly QueueDepthRow[]): Pick<QueueDepthRow, 'ready' | 'ready_is'> {
  const precisions = new Set(queues.map((queue) => queue.ready_is));
  return {
    ready: queues.reduce((sum, { ready }) => sum + ready, 0),
    ready_is: (['at_least', 'about'] as const).find((precision) => precisions.has(precision)) ?? 'exact',
  };
}

/** The same with the workers that serve it: with none of them, its steps wait until one starts. */
export interface QueueStatsRow extends QueueDepthRow {
  /** Live workers that serve the queue and are not draining. */
  workers: number;
  /** Nothing of it is claimed: by whom and why, and until when (null: somebody has to resume it). Null: it is not paused. */
  paused: { by: string; reason: string | null; until: string | null } | null;
}

/**
 * Index-only scans of steps_ready, from the end of each queue: up to `MOST_COUNTED` entries, fewer if there are very many queues. Claims take steps from the front, and
 * the entries of what they took remain there until a vacuum; whoever comes by reads the row of each. Only if there are more is the oldest step
 * searched for at the front, from the floor on: it is the first entry of one of the priorities.
 */
const DEPTHS = `${READY_QUEUES}, bound AS MATERIALIZED (
  SELECT least(${MOST_COUNTED}, greatest(${LEAST_COUNTED}, ${MOST_OF_ALL} / greatest(1, count(*)))) AS most FROM queues
), counted AS MATERIALIZED (
  SELECT q.queue, c.*, b.most, c.ready > b.most AS more
  FROM queues q
  CROSS JOIN bound b
  CROSS JOIN LATERAL (
    SELECT count(*) AS ready, min(f.ready_at) AS oldest
    FROM (
      SELECT s.ready_at
      FROM tasker.tasker_workflow_steps s
      WHERE s.ready_at IS NOT NULL AND s.queue = q.queue
      ORDER BY s.priority DESC, s.ready_at DESC, s.workflow_step_id DESC
      LIMIT (SELECT b.most + 1 FROM bound b)
    ) f
  ) c
  WHERE q.queue IS NOT NULL AND c.ready > 0
), depths AS MATERIALIZED (
  SELECT c.queue,
    (CASE WHEN c.more THEN greatest(c.most, c.ready_steps) ELSE c.ready END)::float8 AS ready,
    CASE WHEN NOT c.more THEN 'exact' WHEN c.ready_steps > c.most THEN 'about' ELSE 'at_least' END AS ready_is,
    extract(epoch FROM clock_timestamp() - least(c.oldest, CASE WHEN c.more THEN (
      WITH RECURSIVE fronts AS (
        SELECT ${MOST_URGENT - 1} AS priority, NULL::timestamptz AS oldest, 0 AS priorities
        UNION ALL
        SELECT f.priority, f.ready_at, b.priorities + 1
        FROM fronts b
        CROSS JOIN LATERAL (
          SELECT s.priority, s.ready_at
          FROM tasker.tasker_workflow_steps s
          WHERE s.ready_at IS NOT NULL AND s.queue = c.queue AND s.priority > b.priority AND ${fromFloorOn('s.ready_at', 'c.floor')}
          ORDER BY s.priority, s.ready_at, s.workflow_step_id
          LIMIT 1
        ) f
        WHERE b.priorities < ${MOST_PRIORITIES}
      )
      SELECT min(b.oldest) FROM fronts b
    ) END))::float8 AS oldest_ready_seconds
  FROM (
    SELECT c.*, g.ready_steps, ${floorOf('g')} AS floor
    FROM counted c
    LEFT JOIN tasker.tasker_queue_scaling_signals g ON g.queue = c.queue AND g.valid_until > clock_timestamp()
    OFFSET 0
  ) c
)`;

/** Depth and age of every queue that has ready steps. */
export const queueStats = defineStatement<QueueDepthRow>()({
  name: 'queue_stats',
  text: `
WITH RECURSIVE ${DEPTHS}
SELECT d.queue, d.ready, d.ready_is, d.oldest_ready_seconds
FROM depths d
ORDER BY d.queue`,
});

/** As `queueStats`, with the workers and the pauses, paused queues without ready steps included; of those one row for each process is read. */
export const queuesWithWorkers = defineStatement<QueueStatsRow>()({
  name: 'queues_with_workers',
  text: `
WITH RECURSIVE ${DEPTHS}
SELECT coalesce(r.queue, q.queue) AS queue, coalesce(r.ready, 0) AS ready, coalesce(r.ready_is, 'exact') AS ready_is,
  coalesce(r.oldest_ready_seconds, 0) AS oldest_ready_seconds, (
    SELECT count(*)::integer
    FROM tasker.tasker_workers w
    WHERE ${isLive('w')} AND w.role = 'worker' AND NOT w.draining AND coalesce(r.queue, q.queue) = ANY (w.queues)
  ) AS workers, (
    SELECT jsonb_build_object('by', p.by, 'reason', p.reason, 'until', p.until)
    FROM tasker.tasker_pauses p
    WHERE p.kind = 'queue' AND p.name = coalesce(r.queue, q.queue) AND ${isPause('p')}
  ) AS paused
FROM depths r
FULL JOIN (SELECT p.name AS queue FROM tasker.tasker_pauses p WHERE p.kind = 'queue' AND ${isPause('p')}) q ON q.queue = r.queue
ORDER BY 1`,
});
