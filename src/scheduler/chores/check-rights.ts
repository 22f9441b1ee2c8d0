import type { Database } from '../../db/connections/database.ts';
import { findUnanalyzable } from '../../db/health/analyze.ts';
import { TaskerError } from '../../errors.ts';
import type { Metrics } from '../../metrics/registry.ts';
import { INTERVALS_MS } from '../chore-intervals.ts';
import type { Chore } from '../chore.ts';

export interface CheckRightsOptions {
  db: Database;
  metrics: Metrics;
  /** Called once, and again if the right was granted and revoked in between. */
  onMissing: (error: TaskerError) => void;
  intervalMs?: number;
}

/**
 * Whether this scheduler may refresh the planner's statistics. Without the right, PostgreSQL skips an ANALYZE with a
 * warning that nobody reads; without statistics, plans stay those of empty tables until autovacuum runs.
 */
export function checkRights(options: CheckRightsOptions): Chore {
  const { db, metrics, onMissing } = options;
  let warned = false;
  return {
    name: 'check_rights',
    intervalMs: options.intervalMs ?? INTERVALS_MS.check_rights,
    async run() {
      const tables = await db.run(findUnanalyzable);
      metrics.set('unanalyzableTables', {}, tables.length);
      const [first] = tables;
      if (first !== undefined && !warned) {
        const fix = first.maintain
          ? `GRANT MAINTAIN ON ALL TABLES IN SCHEMA "${db.schema}" TO "${first.role}"`
          : `run schedulers as the owner of the tables (before PostgreSQL 17 no right allows it to others)`;
        onMissing(
          new TaskerError(
            'RIGHT_MISSING',
            `role "${first.role}" may not analyze ${tables.map(({ relation }) => relation).join(', ')}: their statistics wait for autovacuum; ${fix}`,
            { role: first.role },
          ),
        );
      }
      warned = first !== undefined;
      return { done: 0, more: false };
    },
  };
}
