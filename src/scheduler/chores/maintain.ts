import { CATALOGUE } from '../../config/catalogue.ts';
import type { Database } from '../../db/connections/database.ts';
import { analyzeHotTables, findUnanalyzed } from '../../db/health/analyze.ts';
import { prune } from '../../engine/workers.ts';
import { ConfigError } from '../../errors.ts';
import type { Chore } from '../chore.ts';

export interface MaintainOptions {
  db: Database;
  /** When, in UTC. */
  cron: string;
  pruneWorkersHours: number;
  intervalMs?: number;
  /** Milliseconds of the epoch. */
  now?: () => number;
}

/** The due time does not matter to the second. */
const INTERVAL_MS = 10_000;

/**
 * Analyzes the hot tables and deletes the rows of processes that stopped long ago. Every scheduler computes the due time; the second
 * to come finds the tables analyzed. What is due while no scheduler lives is done at the next due time.
 */
export function maintain(options: MaintainOptions): Chore {
  const { db, cron, pruneWorkersHours, now = Date.now } = options;
  const madeAt = now();
  let done: number | undefined;
  return {
    name: 'maintain',
    intervalMs: options.intervalMs ?? INTERVAL_MS,
    async run() {
      const at = now();
      const due = await lastDue(cron, at);
      done ??= await lastDue(cron, madeAt);
      if (due <= done) return { done: 0, more: false };
      const tables = await db.run(findUnanalyzed, { seconds: (at - due) / 1000 });
      if (tables.length > 0) await db.run(analyzeHotTables);
      await prune(db, pruneWorkersHours);
      done = due;
      return { done: tables.length, more: false };
    },
  };
}

/** Throws ConfigError for an expression that cannot be read, at the start and not at the first due time. The default is known to be good. */
export async function checkMaintenance(cron: string): Promise<void> {
  if (cron !== CATALOGUE.analyzeCron.default) await lastDue(cron, Date.now());
}

/** The parser is loaded here: with its library of dates it would be a tenth of the start of a program. */
async function lastDue(cron: string, at: number): Promise<number> {
  const { parseCron } = await import('../../schedules/cron-expression.ts');
  try {
    const expression = parseCron(cron);
    expression.reset(new Date(at));
    return expression.prev().getTime();
  } catch (error) {
    throw new ConfigError(`TASKER_ANALYZE_CRON: ${error instanceof Error ? error.message : String(error)}`);
  }
}
