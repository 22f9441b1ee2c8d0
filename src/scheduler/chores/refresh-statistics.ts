import type { Database } from '../../db/connections/database.ts';
import { analyzeOutgrown, findOutgrown } from '../../db/health/analyze.ts';
import type { Chore } from '../chore.ts';

/**
 * Refreshes the planner's statistics of tables that grew fast, so that plans which were made for empty tables are used for a few
 * seconds at most. A growing table is analyzed once for each factor of ten; any other round only compares sizes.
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
