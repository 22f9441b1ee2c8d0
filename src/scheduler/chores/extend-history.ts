import type { Database } from '../../db/connections/database.ts';
import { sqlState } from '../../db/connections/sql-errors.ts';
import {
  boundLargeHistory,
  extendHistory,
  findHistoryToExtend,
  proveLargeHistory,
} from '../../db/partitions/extend-history.ts';
import { TaskerError } from '../../errors.ts';
import { INTERVALS_MS } from '../chore-intervals.ts';
import type { Chore } from '../chore.ts';

/** SQLSTATE of a lock that was not had in time: the next round tries again. */
const LOCK_NOT_AVAILABLE = '55P03';

export interface ExtendHistoryOptions {
  db: Database;
  /** Called once, and again if the right was granted and revoked in between. */
  onMissing: (error: TaskerError) => void;
  intervalMs?: number;
}

/** Makes the partitions of the history ahead of the tasks that are submitted. Nothing waits for it: the last partition takes what comes. */
export function extendHistoryAhead({
  db,
  onMissing,
  intervalMs = INTERVALS_MS.extend_history,
}: ExtendHistoryOptions): Chore {
  let warned = false;
  return {
    name: 'extend_history',
    intervalMs,
    async run() {
      const due = await db.run(findHistoryToExtend);
      const foreign = due.find(({ owned }) => !owned);
      if (foreign !== undefined && !warned) {
        onMissing(
          new TaskerError(
            'RIGHT_MISSING',
            `role "${foreign.role}" may not make partitions of ${foreign.history}: its last one grows, and old history cannot be dropped apart from it; run schedulers as the owner of the tables, or as a member of that role`,
            { role: foreign.role },
          ),
        );
      }
      warned = foreign !== undefined;
      if (due.length === 0 || foreign !== undefined) return { done: 0, more: false };
      try {
        if (due.some(({ large }) => large)) {
          await db.run(boundLargeHistory);
          await db.run(proveLargeHistory);
        }
        await db.run(extendHistory);
        return { done: due.length, more: false };
      } catch (error) {
        if (sqlState(error) === LOCK_NOT_AVAILABLE) return { done: 0, more: false };
        throw error;
      }
    },
  };
}
