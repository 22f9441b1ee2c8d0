import type { Database } from '../db/connections/database.ts';
import {
  completeDoneTasks,
  failUnrunnableTasks,
  findUnfinalizedTasks,
  flagBlockedTasks,
  lockTasks,
} from '../db/statements/tasks/finalize-tasks.ts';
import { inHalves } from './in-halves.ts';

/**
 * For tasks with a blocked step: ends those that can do nothing more, in `error`, or complete if every step is done. Independent branches finish first: a task
 * goes to error when nothing of it is running, ready or waiting for a retry. Returns the tasks in error.
 */
export async function finalize(db: Database, taskIds: readonly string[]): Promise<string[]> {
  const ids = [...new Set(taskIds)];
  return db.transaction(async (tx) => {
    await tx.run(flagBlockedTasks, [ids]);
    await tx.run(lockTasks, [ids]);
    await tx.run(completeDoneTasks, [ids]);
    return (await tx.run(failUnrunnableTasks, [ids])).map((row) => row.task_id);
  });
}

/** Settles tasks whose process died between blocking a step and settling. Returns the tasks that ended. */
export async function finalizeUnfinalized(db: Database, limit = 10_000): Promise<string[]> {
  const found = (await db.run(findUnfinalizedTasks, [limit])).map((row) => row.task_id);
  if (found.length === 0) return [];
  const settled: string[] = [];
  const failed = await inHalves(found, async (some) => {
    settled.push(...(await finalize(db, some)));
  });
  // With others settled it is found again by the next round, and reported when it is the only one.
  if (failed !== undefined && settled.length === 0) throw failed;
  return settled;
}
