import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchDatabase } from './server.ts';
import { cpuSeconds, serverCpuSeconds } from './usage.ts';

export interface IdleCost {
  /** Percent of a core: PostgreSQL with all its processes, and each process of the fleet on average. */
  serverCpu: number;
  processCpu: number;
  /** Of the fleet's database, a second. */
  statements: number;
  transactions: number;
  /** The most frequent first. */
  byStatement: { query: string; perSecond: number; msPerSecond: number }[];
}

interface Totals {
  transactions: number;
  statements: { id: string; query: string; calls: number; ms: number }[];
}

/** Statements of the bench itself contain `bench:` and are left out. */
async function readTotals(db: BenchDatabase): Promise<Totals> {
  const [row] = await db.query<Totals>(`
    SELECT
      (SELECT (xact_commit + xact_rollback)::float8 FROM pg_stat_database WHERE datname = current_database()) AS transactions,
      (SELECT coalesce(jsonb_agg(jsonb_build_object('id', s.queryid::text || s.userid::text, 'query', s.query, 'calls', s.calls,
          'ms', s.total_exec_time + s.total_plan_time)), '[]')
       FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
       WHERE d.datname = current_database() AND s.toplevel AND s.query NOT LIKE '%bench:%') AS statements /* bench: */`);
  return row as Totals;
}

/**
 * The cost of an idle fleet. CPU times are taken after the first reading of statistics and before the last, so that they do not
 * include the readings.
 */
export async function idleCost(
  db: BenchDatabase,
  server: { pid: number },
  fleet: readonly number[],
  seconds: number,
): Promise<IdleCost> {
  const before = await readTotals(db);
  const cpuBefore = { server: serverCpuSeconds(server.pid), fleet: fleet.map(cpuSeconds) };
  const started = performance.now();
  await sleep(seconds * 1000);
  const elapsed = (performance.now() - started) / 1000;
  const serverSeconds = serverCpuSeconds(server.pid) - cpuBefore.server;
  const fleetSeconds = fleet.reduce((sum, pid, index) => sum + cpuSeconds(pid) - (cpuBefore.fleet[index] as number), 0);
  const after = await readTotals(db);

  const earlier = new Map(before.statements.map((statement) => [statement.id, statement]));
  const byStatement = after.statements
    .map(({ id, query, calls, ms }) => ({
      query,
      perSecond: (calls - (earlier.get(id)?.calls ?? 0)) / elapsed,
      msPerSecond: (ms - (earlier.get(id)?.ms ?? 0)) / elapsed,
    }))
    .filter(({ perSecond }) => perSecond > 0)
    .toSorted((a, b) => b.perSecond - a.perSecond);
  return {
    serverCpu: (serverSeconds / elapsed) * 100,
    processCpu: fleet.length === 0 ? 0 : (fleetSeconds / elapsed / fleet.length) * 100,
    statements: byStatement.reduce((sum, { perSecond }) => sum + perSecond, 0),
    // One transaction is our own: the first reading was counted after it had read.
    transactions: (after.transactions - before.transactions - 1) / elapsed,
    byStatement,
  };
}
