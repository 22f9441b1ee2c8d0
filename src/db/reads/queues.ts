import { defineStatement } from '../statement.ts';

/** A queue that has ready steps: how many, and how long the oldest has waited. */
export interface QueueStatsRow {
  queue: string;
  ready: number;
  oldest_ready_seconds: number;
}

/** Depth and age of every queue that has ready steps. An index-only scan of steps_ready: one entry for each ready step. */
export const queueStats = defineStatement<QueueStatsRow>()({
  name: 'queue_stats',
  text: `
SELECT s.queue, count(*)::float8 AS ready, extract(epoch FROM clock_timestamp() - min(s.ready_at))::float8 AS oldest_ready_seconds
FROM tasker.tasker_workflow_steps s
WHERE s.ready_at IS NOT NULL
GROUP BY s.queue`,
});
