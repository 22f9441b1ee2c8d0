import type { Executor } from '../db/connections/database.ts';
import { countSchedulers } from '../db/reads/schedulers.ts';

/** For people, wherever somebody waits for one. */
export const NO_SCHEDULER =
  'no scheduler lives: due retries, the steps of dead workers and schedules wait for one (tasker scheduler)';

/** How many schedulers live. None: due retries, recovery of dead workers' steps and schedules wait for one. */
export async function countLiveSchedulers(db: Executor): Promise<number> {
  const [row] = await db.run(countSchedulers);
  return row?.schedulers ?? 0;
}
