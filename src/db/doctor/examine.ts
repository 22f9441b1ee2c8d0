import { inSchema } from '../schema-name.ts';
import type { Database } from '../connections/database.ts';
import { archiveChecks } from './archive-checks.ts';
import { attemptChecks } from './attempt-checks.ts';
import { auditChecks } from './audit-checks.ts';
import { directoryChecks } from './directory-checks.ts';
import { historyChecks } from './history-checks.ts';
import { identityChecks } from './identity-checks.ts';
import { operationChecks } from './operation-checks.ts';
import { retentionChecks } from './retention-checks.ts';
import { partitionChecks } from './partition-checks.ts';
import { runStatsChecks } from './run-stats-checks.ts';
import { stepChecks } from './step-checks.ts';
import { taskChecks } from './task-checks.ts';
import type { Check } from './check.ts';
import { type Mend, MENDS } from './mends/index.ts';

/** Every check, by subject. */
export const CHECK_GROUPS: Readonly<Record<string, readonly Check[]>> = {
  'Histories of steps and tasks': historyChecks,
  'Steps and dependencies': stepChecks,
  'Attempts and claims': attemptChecks,
  'Tasks, processes and the schema': taskChecks,
  'Identities that were used again': identityChecks,
  'Run statistics': runStatsChecks,
  'Removing tasks': retentionChecks,
  'The directory of tasks': directoryChecks,
  'Partitions of the history': partitionChecks,
  'Acts of operators': auditChecks,
  'Bulk operations': operationChecks,
  'The archive': archiveChecks,
};

export const CHECKS: readonly Check[] = Object.values(CHECK_GROUPS).flat();

export interface Finding {
  id: string;
  title: string;
  why: string;
  /** How many rows violate it, counted up to 1,000. */
  violations: number;
  /** The first of those rows. */
  examples: Record<string, unknown>[];
  /** How to mend it: a command, or statements for one transaction. */
  mend: Mend;
}

const MAX_COUNTED = 1000;

/**
 * Runs every check in one read-only snapshot, so that the findings are consistent while the fleet works. Returns the checks
 * that found violations. Each check reads whole tables: minutes for a history of many million rows.
 */
export async function examine(
  db: Database,
  options: { examples?: number; onCheck?: (check: Check, seconds: number) => void } = {},
): Promise<Finding[]> {
  const client = await db.pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    const findings: Finding[] = [];
    for (const check of CHECKS) {
      const started = performance.now();
      const { rows } = await client.query<Record<string, unknown>>(
        `${inSchema(check.sql, db.schema)}\nLIMIT ${MAX_COUNTED}`,
      );
      options.onCheck?.(check, (performance.now() - started) / 1000);
      if (rows.length > 0) {
        const { id, title, why } = check;
        findings.push({
          id,
          title,
          why,
          violations: rows.length,
          examples: rows.slice(0, options.examples ?? 5),
          mend: mendOf(id, db.schema),
        });
      }
    }
    return findings;
  } catch (error) {
    broken = error instanceof Error ? error : new Error(String(error));
    throw error;
  } finally {
    await client.query('ROLLBACK').catch((failure: Error) => (broken ??= failure));
    client.release(broken);
  }
}

/** How to mend what a check finds, in a schema of this name. */
export function mendOf(id: string, schema: string): Mend {
  const mend = MENDS[id];
  if (mend === undefined) throw new Error(`check ${id} has no mend in src/db/doctor/mends`);
  return 'sql' in mend ? { sql: inSchema(mend.sql, schema) } : mend;
}
