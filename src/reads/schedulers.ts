import type { Executor } from '../db/connections/database.ts';
import { countSchedulers } from '../db/reads/schedulers.ts';

/** The message for people who wait for what only a scheduler does. */
export const NO_SCHEDULER =
  'no scheduler lives: due retries, the steps of dead workers and schedules wait for one (tasker scheduler)';

/** The number of live schedulers. Without one, due retries, the recovery of dead workers' steps and schedules wait. */
export async function countLiveSchedulers(db: Executor): Promise<number> {
  const [row] = await db.run(countSchedulers);
  return row?.schedulers ?? 0;
}
