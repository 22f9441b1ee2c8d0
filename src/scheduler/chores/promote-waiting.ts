import type { Database } from '../../db/connections/database.ts';
import { promote } from '../../engine/promote.ts';
import { promotionIntervalMs } from '../chore-intervals.ts';
import type { Chore } from '../chore.ts';

const BATCH = 1000;

/** Priority ageing: more urgent steps no longer overtake those that waited for `afterSeconds`. Runs only if it is configured. */
export function promoteWaiting(options: {
  db: Database;
  afterSeconds: number;
  onPromoted: (queue: string, steps: number) => void;
}): Chore {
  const { afterSeconds } = options;
  return {
    name: 'promote_waiting',
    intervalMs: promotionIntervalMs(afterSeconds),
    async run() {
      let done = 0;
      for (const [queue, steps] of await promote(options.db, { afterSeconds, limit: BATCH })) {
        done += steps;
        options.onPromoted(queue, steps);
      }
      return { done, more: done >= BATCH };
    },
  };
}
