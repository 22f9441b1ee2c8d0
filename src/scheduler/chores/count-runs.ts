import type { Database } from '../../db/connections/database.ts';
import { countRunsOnce } from '../../engine/count-runs.ts';
import type { Metrics } from '../../metrics/registry.ts';
import { INTERVALS_MS } from '../chore-intervals.ts';
import type { Chore } from '../chore.ts';

/** What has happened since is counted when it is this long. */
const SLICE_SECONDS = 60;
/** The first slice after a start, and each one is twice the one before: whoever has just started a fleet looks at it now. */
const FIRST_SLICE_SECONDS = 5;
/** If counting a slice took long (many tasks are open), the next one is longer: at most this share of the time is spent on it. */
const SHARE_OF_TIME = 0.05;
/** From the time of a transition to the first write of its transaction it takes far less. */
const SETTLE_SECONDS = 2;
/** An id becomes visible after a higher one by far less. */
const YOUNG_SECONDS = 600;
/** Tasks that one round visits: some ten thousand rows of their histories. */
const LIMIT = 1000;

/** Counts what ran, from the histories into the tables behind `tasker stats`. */
export function countRuns(
  db: Database,
  metrics: Metrics,
  kept: { hoursKeptDays: number; daysKeptDays: number },
): Chore {
  let spentSeconds = 0;
  let sliceSeconds = FIRST_SLICE_SECONDS;
  return {
    name: 'count_runs',
    intervalMs: INTERVALS_MS.count_runs,
    async run() {
      const started = performance.now();
      const { tasks, more, closed, lagSeconds } = await countRunsOnce(db, {
        sliceSeconds,
        settleSeconds: SETTLE_SECONDS,
        youngSeconds: YOUNG_SECONDS,
        limit: LIMIT,
        ...kept,
      });
      spentSeconds += (performance.now() - started) / 1000;
      if (closed) {
        sliceSeconds = Math.max(Math.min(SLICE_SECONDS, sliceSeconds * 2), spentSeconds / SHARE_OF_TIME);
        spentSeconds = 0;
      }
      if (lagSeconds !== undefined) metrics.set('runStatsLag', {}, lagSeconds);
      return { done: tasks, more };
    },
  };
}
