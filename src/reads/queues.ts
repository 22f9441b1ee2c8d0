import type { Executor } from '../db/connections/database.ts';
import { listQueueTimes, type QueueTimesRow } from '../db/reads/queue-details.ts';
import { queuesWithWorkers, type QueueStatsRow } from '../db/reads/queues.ts';
import { type QueueScalingRow, readQueueScaling } from '../db/statements/scaling/queue-scaling.ts';

/** Every queue that has ready steps, or is paused. Costs one index entry for each ready step that is counted. */
export function readQueues(db: Executor): Promise<QueueStatsRow[]> {
  return db.run(queuesWithWorkers);
}

/** A queue with what is known of it. */
export interface QueueReport extends QueueStatsRow {
  /** How many workers it should have, and why. Null: no scheduler has evaluated it. */
  scaling: Omit<QueueScalingRow, 'queue' | 'ready_steps' | 'desired_slots'> | null;
  /** Of the attempts of this hour and the one before. Null: there was none that is counted yet. */
  times: Omit<QueueTimesRow, 'queue'> | null;
}

/** A queue of which nothing is known. */
export const idleQueue = (queue: string): QueueReport => ({
  queue,
  ready: 0,
  ready_is: 'exact',
  oldest_ready_seconds: 0,
  workers: 0,
  paused: null,
  scaling: null,
  times: null,
});

/** Every queue that has ready steps, a signal or a pause, or in which something ran lately, by name. */
export function reportQueues(
  depths: readonly QueueStatsRow[],
  signals: readonly QueueScalingRow[],
  measured: readonly QueueTimesRow[],
): QueueReport[] {
  const reports = new Map<string, QueueReport>();
  const of = (queue: string): QueueReport => reports.get(queue) ?? idleQueue(queue);
  for (const { queue, ready_steps: _ready, desired_slots: _slots, ...scaling } of signals)
    reports.set(queue, { ...of(queue), workers: scaling.workers, scaling });
  for (const { queue, ...times } of measured) reports.set(queue, { ...of(queue), times });
  for (const depth of depths) reports.set(depth.queue, { ...of(depth.queue), ...depth });
  return [...reports.keys()].toSorted().map(of);
}

/** The same, read at once. */
export async function readEveryQueue(db: Executor): Promise<QueueReport[]> {
  return reportQueues(...(await Promise.all([readQueues(db), db.run(readQueueScaling), db.run(listQueueTimes)])));
}
