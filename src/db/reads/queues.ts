import { defineStatement } from '../statement.ts';

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
}

/** An index-only scan of steps_ready: one entry for each ready step. */
const DEPTHS = `
SELECT s.queue, count(*)::float8 AS ready, extract(epoch FROM clock_timestamp() - min(s.ready_at))::float8 AS oldest_ready_seconds
FROM tasker.tasker_workflow_steps s
WHERE s.ready_at IS NOT NULL
GROUP BY s.queue`;

/** Depth and age of every queue that has ready steps. */
export const queueStats = defineStatement<QueueDepthRow>()({ name: 'queue_stats', text: DEPTHS });

/** As `queueStats`, with the workers; of those one row for each process is read. */
export const queuesWithWorkers = defineStatement<QueueStatsRow>()({
  name: 'queues_with_workers',
  text: `
SELECT r.queue, r.ready, r.oldest_ready_seconds, (
    SELECT count(*)::integer
    FROM tasker.tasker_workers w
    WHERE w.stopped_at IS NULL AND w.role = 'worker' AND NOT w.draining AND r.queue = ANY (w.queues)
  ) AS workers
FROM (${DEPTHS}
) r`,
});
