import type { Database } from '../../db/connections/database.ts';
import { analyzeOutgrown, findOutgrown } from '../../db/health/analyze.ts';
import type { Chore } from '../chore.ts';

/**
 * The planner's statistics of tables that grew fast, so that plans from when they were empty do not outlive that by more than a
 * few seconds. As a table grows it happens once for each factor of ten; otherwise it is one look at sizes.
 */
export function refreshStatistics(options: { db: Database; intervalMs: number }): Chore {
  return {
    name: 'refresh_statistics',
    intervalMs: options.intervalMs,
    async run() {
      const outgrown = await options.db.run(findOutgrown);
      if (outgrown.length > 0) await options.db.run(analyzeOutgrown);
      return { done: outgrown.length, more: false };
    },
  };
}
