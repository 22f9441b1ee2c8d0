import type { Database } from '../../db/connections/database.ts';
import { analyzeHotTables, findUnanalyzed } from '../../db/health/analyze.ts';
import { prune } from '../../engine/workers.ts';
import { INTERVALS_MS } from '../chore-intervals.ts';
import type { Chore } from '../chore.ts';
import { lastMaintenance } from '../maintenance-times.ts';

export interface MaintainOptions {
  db: Database;
  /** When, in UTC. */
  cron: string;
  pruneWorkersHours: number;
  intervalMs?: number;
  /** Milliseconds of the epoch. */
  now?: () => number;
  /** What was due before is not done again. Default: now. */
  madeAt?: number;
}

/**
 * Analyzes the hot tables and deletes the rows of processes that stopped long ago. Every scheduler computes the due time; the second
 * to come finds the tables analyzed. What is due while no scheduler lives is done at the next due time.
 */
export function maintain(options: MaintainOptions): Chore {
  const { db, cron, pruneWorkersHours, now = Date.now, madeAt = now() } = options;
  let done: number | undefined;
  return {
    name: 'maintain',
    intervalMs: options.intervalMs ?? INTERVALS_MS.maintain,
    async run() {
      const at = now();
      const due = await lastMaintenance(cron, at);
      done ??= await lastMaintenance(cron, madeAt);
      if (due <= done) return { done: 0, more: false };
      const tables = await db.run(findUnanalyzed, { seconds: (at - due) / 1000 });
      if (tables.length > 0) await db.run(analyzeHotTables);
      await prune(db, pruneWorkersHours);
      done = due;
      return { done: tables.length, more: false };
    },
  };
}
