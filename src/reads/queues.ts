import type { Executor } from '../db/connections/database.ts';
import { queuesWithWorkers, type QueueStatsRow } from '../db/reads/queues.ts';

/** Every queue that has ready steps, or is paused. Costs one index entry for each ready step that is counted. */
export function readQueues(db: Executor): Promise<QueueStatsRow[]> {
  return db.run(queuesWithWorkers);
}
