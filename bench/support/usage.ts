import { readdirSync, readFileSync } from 'node:fs';
import type { BenchDatabase } from './server.ts';

/** Clock ticks of /proc per second: 100 on every Linux that Node runs on. */
const TICKS = 100;

interface ProcessTimes {
  parent: number;
  seconds: number;
  /** Of children that ended and were waited for. */
  childSeconds: number;
}

function times(pid: number | string): ProcessTimes | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
      .map(Number);
    const [parent, utime, stime, cutime, cstime] = [
      fields[1],
      fields[11],
      fields[12],
      fields[13],
      fields[14],
    ] as number[];
    return {
      parent: parent as number,
      seconds: ((utime as number) + (stime as number)) / TICKS,
      childSeconds: ((cutime as number) + (cstime as number)) / TICKS,
    };
  } catch {
    return undefined;
  }
}

/** CPU seconds that a process used; NaN if there is no /proc. */
export const cpuSeconds = (pid: number): number => times(pid)?.seconds ?? NaN;

/** CPU seconds of a PostgreSQL server with everything it started. */
export function serverCpuSeconds(postmaster: number): number {
  const own = times(postmaster);
  if (own === undefined) return NaN;
  let total = own.seconds + own.childSeconds;
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const child = times(entry);
    if (child?.parent === postmaster) total += child.seconds + child.childSeconds;
  }
  return total;
}

/** Processes that a process has started, and that run. */
export function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && times(entry)?.parent === parent)
    .map(Number);
}

/** CPU seconds of the threads of a process that run, to the nanosecond; 0 of one that is gone. */
export function exactCpuSeconds(pid: number): number {
  try {
    let sum = 0;
    for (const thread of readdirSync(`/proc/${pid}/task`))
      sum += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    return sum / 1e9;
  } catch {
    return 0;
  }
}

/** Resident memory in MB: now, or the highest since the process started. NaN of a process that is gone. */
export function residentMb(pid: number, which: 'now' | 'highest' = 'now'): number {
  const field = which === 'now' ? 'VmRSS' : 'VmHWM';
  try {
    return (
      Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? NaN) / 1024
    );
  } catch {
    return NaN;
  }
}

export interface Usage {
  serverCpu: number;
  workerCpu: number;
  walBytes: number;
  statements: number;
  rowVersions: number;
  updates: number;
  hotUpdates: number;
}

/** Running totals; the difference of two of them is what happened in between. */
export async function readUsage(
  db: BenchDatabase,
  server: { pid: number },
  workers: readonly number[],
): Promise<Usage> {
  const [row] = await db.query<Omit<Usage, 'serverCpu' | 'workerCpu'>>(`
    SELECT (pg_current_wal_lsn() - '0/0')::float8 AS "walBytes",
      (SELECT coalesce(sum(s.calls), 0)::float8 FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
       WHERE d.datname = current_database() AND s.toplevel AND s.query NOT LIKE '%bench:%') AS "statements",
      (SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::float8 FROM pg_stat_user_tables) AS "rowVersions",
      (SELECT coalesce(sum(n_tup_upd), 0)::float8 FROM pg_stat_user_tables) AS "updates",
      (SELECT coalesce(sum(n_tup_hot_upd), 0)::float8 FROM pg_stat_user_tables) AS "hotUpdates" /* bench: */`);
  return {
    ...(row as Omit<Usage, 'serverCpu' | 'workerCpu'>),
    serverCpu: serverCpuSeconds(server.pid),
    workerCpu: workers.reduce((sum, pid) => sum + cpuSeconds(pid), 0),
  };
}

export function usageBetween(before: Usage, after: Usage): Usage {
  const difference = {} as Record<keyof Usage, number>;
  for (const key of Object.keys(after) as (keyof Usage)[]) difference[key] = after[key] - before[key];
  return difference;
}
