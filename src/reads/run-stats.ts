import type { Executor } from '../db/connections/database.ts';
import {
  countedUntil,
  type HourStatsRow,
  listHourStats,
  type RunStatsRow,
  sumRunStats,
} from '../db/reads/run-stats.ts';

/** What ran in a time, and how far that is counted. */
export interface RunStats<Row = RunStatsRow> {
  /** The full hour at which the rows begin; more than a week ago, the full day (UTC). */
  since: Date;
  /** What ran later is not in the rows. Null: no scheduler has begun to count. */
  countedUntil: Date | null;
  /** Of a replica: up to when it had everything. Undefined: the primary was read. */
  asOf?: Date | undefined;
  rows: Row[];
}

export interface RunStatsFilter {
  since: Date;
  namespace?: string | undefined;
  workflow?: string | undefined;
  steps?: boolean | undefined;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const begin = (time: Date, unitMs: number): Date => new Date(Math.floor(time.getTime() / unitMs) * unitMs);
const fullHour = (time: Date): Date => begin(time, HOUR_MS);

/** Hours of a day that is long ago matter to nobody, and would cost as much as the weeks behind it. */
const fullHourOrDay = (time: Date): Date =>
  begin(time, Date.now() - time.getTime() > 7 * DAY_MS + HOUR_MS ? DAY_MS : HOUR_MS);

export async function readRunStats(db: Executor, filter: RunStatsFilter): Promise<RunStats> {
  const since = fullHourOrDay(filter.since);
  const { namespace, workflow, steps = false } = filter;
  const rows = await db.run(sumRunStats, { since, namespace, workflow, steps });
  return { since, countedUntil: await readCountedUntil(db), rows };
}

/** Every hour of one workflow. */
export async function readHourStats(
  db: Executor,
  filter: RunStatsFilter & { namespace: string; workflow: string },
): Promise<RunStats<HourStatsRow>> {
  const since = fullHour(filter.since);
  const { namespace, workflow, steps = false } = filter;
  const rows = await db.run(listHourStats, { since, namespace, workflow, steps });
  return { since, countedUntil: await readCountedUntil(db), rows };
}

async function readCountedUntil(db: Executor): Promise<Date | null> {
  const [row] = await db.run(countedUntil);
  return row?.counted_until ?? null;
}
