import type { Executor } from '../db/database.ts';
import { countSchedulers } from '../db/statements/schedules.ts';

/** How many schedulers live. None: due retries, recovery of dead workers' steps and schedules wait for one. */
export async function countLiveSchedulers(db: Executor): Promise<number> {
  const [row] = await db.run(countSchedulers);
  return row?.schedulers ?? 0;
}
