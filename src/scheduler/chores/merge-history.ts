import type { Database } from '../../db/connections/database.ts';
import { sqlState } from '../../db/connections/sql-errors.ts';
import { findHistoryToMerge, mergeHistory } from '../../db/partitions/merge-history.ts';
import { INTERVALS_MS } from '../chore-intervals.ts';
import type { Chore } from '../chore.ts';

/** After a lock was not had in time: something reads the history for long (a dump, a report), and each try keeps claims waiting. */
const RETRY_AFTER_MS = 10 * 60_000;
/** Of a lock that was not had in time, and of tasks that were restored meanwhile. */
const NOT_NOW = new Set(['55P03', '40001']);

/** Drops partitions of the history of which nearly nothing is left. Without the right to do so nothing is done: `extend_history` says it. */
export function mergeOldHistory({
  db,
  intervalMs = INTERVALS_MS.merge_history,
}: {
  db: Database;
  intervalMs?: number;
}): Chore {
  let notBefore = 0;
  return {
    name: 'merge_history',
    intervalMs,
    async run() {
      if (performance.now() < notBefore) return { done: 0, more: false };
      const due = await db.run(findHistoryToMerge);
      if (due.length === 0 || due.some(({ owned }) => !owned)) return { done: 0, more: false };
      try {
        await db.run(mergeHistory);
        return { done: due.length, more: true };
      } catch (error) {
        if (!NOT_NOW.has(sqlState(error) ?? '')) throw error;
        notBefore = performance.now() + RETRY_AFTER_MS;
        return { done: 0, more: false };
      }
    },
  };
}
