import type { Database } from '../../db/connections/database.ts';
import { type ClockSetBack, watchForClockSetBack } from '../../engine/clock.ts';
import { INTERVALS_MS } from '../chore-intervals.ts';
import type { Chore } from '../chore.ts';

/** If the database clock was set back, retries and recovery must not wait until it has caught up. */
export function watchClock(options: { db: Database; onSetBack: (found: ClockSetBack) => void }): Chore {
  return {
    name: 'watch_clock',
    intervalMs: INTERVALS_MS.watch_clock,
    async run() {
      const found = await watchForClockSetBack(options.db);
      if (found === undefined) return { done: 0, more: false };
      options.onSetBack(found);
      return { done: found.retries + found.leases, more: false };
    },
  };
}
