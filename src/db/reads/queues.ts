import { defineStatement } from '../statement.ts';
import { isPause } from '../statements/acts/pauses.ts';
import { isLive } from '../statements/rules/live-process.ts';

/** A queue that has ready steps: how many, and how long the oldest has waited. */
export interface QueueDepthRow {
  queue: string;
  ready: number;
  oldest_ready_seconds: number;
}

/** The same with the workers that serve it: with none of them, its steps wait until one starts. */
export interface QueueStatsRow extends QueueDepthRow {
  /** Live workers that serve the queue and are not draining. */
  workers: number;
  /** Nothing of it is claimed: by whom and why, and until when (null: somebody has to resume it). Null: it is not paused. */
  paused: { by: string; reason: string | null; until: string | null } | null;
}

/** An index-only scan of steps_ready: one entry for each ready step. */
const DEPTHS = `
SELECT s.queue, count(*)::float8 AS ready, extract(epoch FROM clock_timestamp() - min(s.ready_at))::float8 AS oldest_ready_seconds
FROM tasker.tasker_workflow_steps s
WHERE s.ready_at IS NOT NULL
GROUP BY s.queue`;

/** Depth and age of every queue that has ready steps. */
export const queueStats = defineStatement<QueueDepthRow>()({ name: 'queue_stats', text: DEPTHS });

/** As `queueStats`, with the workers and the pauses, paused queues without ready steps included; of those one row for each process is read. */
export const queuesWithWorkers = defineStatement<QueueStatsRow>()({
  name: 'queues_with_workers',
  text: `
SELECT coalesce(r.queue, q.queue) AS queue, coalesce(r.ready, 0) AS ready, coalesce(r.oldest_ready_seconds, 0) AS oldest_ready_seconds, (
    SELECT count(*)::integer
    FROM tasker.tasker_workers w
    WHERE ${isLive('w')} AND w.role = 'worker' AND NOT w.draining AND coalesce(r.queue, q.queue) = ANY (w.queues)
  ) AS workers, (
    SELECT jsonb_build_object('by', p.by, 'reason', p.reason, 'until', p.until)
    FROM tasker.tasker_pauses p
    WHERE p.kind = 'queue' AND p.name = coalesce(r.queue, q.queue) AND ${isPause('p')}
  ) AS paused
FROM (${DEPTHS}
) r
FULL JOIN (SELECT p.name AS queue FROM tasker.tasker_pauses p WHERE p.kind = 'queue' AND ${isPause('p')}) q ON q.queue = r.queue
ORDER BY 1`,
});
