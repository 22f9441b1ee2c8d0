import type { Executor } from '../../db/connections/database.ts';
import {
  countReadySteps,
  countReadyStepsOfOthers,
  findPausedVersions,
  FIRST_PLACE,
  type ReadyCountRow,
  type ReadyPlace,
} from '../../db/statements/scaling/ready-counts.ts';

/** Ready steps that a statement counts: some 30 ms. */
const STRETCH = 50_000;

/** The ready steps of a queue, without those of paused workflows. */
export interface CountedQueue {
  queue: string;
  ready: number;
  /** Seconds of the epoch. */
  oldest_at: number;
}

/**
 * Counts every ready step, stretch by stretch. Each is of its own moment: what happens between them is a change like those after the count.
 * `atOnce`: one stretch had all of them. `stretch`: how many a statement counts.
 */
export async function countReady(
  db: Executor,
  stretch = STRETCH,
): Promise<{ queues: CountedQueue[]; atOnce: boolean }> {
  const paused = (await db.run(findPausedVersions)).map(({ named_task_id: version }) => version);
  const queues = new Map<string, CountedQueue>();
  let stretches = 0;
  for (let place: ReadyPlace | null = FIRST_PLACE; place !== null; stretches += 1) {
    const found: ReadyCountRow[] = await (paused.length === 0
      ? db.run(countReadySteps, { ...place, most: stretch })
      : db.run(countReadyStepsOfOthers, { ...place, most: stretch, paused }));
    for (const { queue, ready, oldest_at: oldest } of found) {
      if (oldest === null) continue;
      const before = queues.get(queue) ?? { queue, ready: 0, oldest_at: Infinity };
      queues.set(queue, { queue, ready: before.ready + ready, oldest_at: Math.min(before.oldest_at, oldest) });
    }
    place = found[0]?.next ?? null;
  }
  return { queues: [...queues.values()], atOnce: stretches === 1 };
}
