import type { Executor, Transactions } from '../db/connections/database.ts';
import { countRuns, sumDay, sumWeek } from '../db/statements/stats/count-runs.ts';
import { keepListedTasks, listAgedTasks, pickListedTasks, pickYoungTasks } from '../db/statements/stats/pick-tasks.ts';
import {
  beginRunStats,
  closeSlice,
  lockRunStats,
  moveSliceCursor,
  openSlice,
  prepareRunStats,
  type ProgressRow,
  pruneRunStats,
} from '../db/statements/stats/progress.ts';

export interface CountRunsOptions {
  /** The hour that is not over is counted when this much of it is new. */
  sliceSeconds: number;
  /** A slice ends this long before it is opened: longer than it takes from a clock_timestamp() to the first write of its transaction. */
  settleSeconds: number;
  /** How long an id may become visible after a higher one. */
  youngSeconds: number;
  /** Tasks that one round visits. */
  limit: number;
  /** For how many days hours are kept, and for how many days and weeks are. */
  hoursKeptDays: number;
  daysKeptDays: number;
}

export interface Counted {
  /** Tasks whose histories were read. */
  tasks: number;
  /** There is more to do at once. */
  more: boolean;
  /** All of a slice is counted. */
  closed: boolean;
  /** Seconds that are over and not counted; undefined: another scheduler is counting. */
  lagSeconds: number | undefined;
}

const NOTHING = { tasks: 0, more: false, closed: false };

/**
 * One round of counting what ran into the tables of run statistics, in one transaction: a crash leaves nothing half done, and a lock
 * keeps any number of schedulers from counting twice. A round begins, opens a slice, counts one part of its tasks, or closes it.
 */
export async function countRunsOnce(db: Transactions, options: CountRunsOptions): Promise<Counted> {
  return db.transaction(async (tx) => {
    const [progress] = await tx.run(lockRunStats);
    if (progress === undefined) return { ...NOTHING, lagSeconds: undefined };
    return { ...(await advance(tx, progress, options)), lagSeconds: progress.lag_seconds };
  });
}

async function advance(
  tx: Executor,
  { counted_until: countedUntil, slice_phase: phase, settled }: ProgressRow,
  options: CountRunsOptions,
): Promise<Omit<Counted, 'lagSeconds'>> {
  if (countedUntil === null) {
    if (settled === null) await tx.run(prepareRunStats);
    else if (settled) await tx.run(beginRunStats);
    return { ...NOTHING, more: settled !== false };
  }
  if (phase === null) {
    const { sliceSeconds, settleSeconds, youngSeconds } = options;
    const opened = await tx.run(openSlice, {
      slice_seconds: sliceSeconds,
      settle_seconds: settleSeconds,
      young_seconds: youngSeconds,
    });
    return { ...NOTHING, more: opened.length > 0 };
  }
  return settled === true ? countPart(tx, phase, options) : NOTHING;
}

async function countPart(
  tx: Executor,
  phase: 'listed' | 'young',
  options: CountRunsOptions,
): Promise<Omit<Counted, 'lagSeconds'>> {
  const [part] = await tx.run(phase === 'listed' ? pickListedTasks : pickYoungTasks, { limit: options.limit });
  const cursor = part?.cursor ?? null;
  const ids = part?.task_ids ?? [];
  if (ids.length > 0) await tx.run(countRuns, { task_ids: ids });
  if (cursor !== null) {
    await tx.run(phase === 'listed' ? keepListedTasks : listAgedTasks, { cursor });
    await tx.run(moveSliceCursor, { cursor });
  } else if (phase === 'listed') {
    await tx.run(moveSliceCursor, { cursor: null });
  } else {
    await close(tx, options);
  }
  return { tasks: ids.length, more: true, closed: cursor === null && phase === 'young' };
}

async function close(tx: Executor, { hoursKeptDays, daysKeptDays }: CountRunsOptions): Promise<void> {
  const [closed] = await tx.run(closeSlice);
  if (closed !== undefined && closed.day !== null) await tx.run(sumDay, { starts_at: closed.day });
  if (closed !== undefined && closed.week !== null) await tx.run(sumWeek, { starts_at: closed.week });
  await tx.run(pruneRunStats, { hours_kept_days: hoursKeptDays, days_kept_days: daysKeptDays });
}
