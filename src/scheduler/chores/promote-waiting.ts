import type { Database } from '../../db/connections/database.ts';
import { promote } from '../../engine/promote.ts';
import type { Chore } from '../chore.ts';

const BATCH = 1000;
/** The interval is a tenth of the wait after which a step is promoted, within these bounds: no step is promoted much later. */
const MIN_INTERVAL_MS = 1000;
const MAX_INTERVAL_MS = 30_000;

/** Priority ageing: more urgent steps no longer overtake those that waited for `afterSeconds`. Runs only if it is configured. */
export function promoteWaiting(options: {
  db: Database;
  afterSeconds: number;
  onPromoted: (queue: string, steps: number) => void;
}): Chore {
  const { afterSeconds } = options;
  return {
    name: 'promote_waiting',
    intervalMs: Math.min(Math.max(afterSeconds * 100, MIN_INTERVAL_MS), MAX_INTERVAL_MS),
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
