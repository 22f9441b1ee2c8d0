import type { Database } from '../db/connections/database.ts';
import {
  failUnrunnableTasks,
  findUnfinalizedTasks,
  flagBlockedTasks,
  lockTasks,
} from '../db/statements/tasks/finalize-tasks.ts';
import { inHalves } from './in-halves.ts';
import { traceEnded } from './trace-ended.ts';

/**
 * For tasks with a blocked step: ends those in which nothing can progress, in `error`. Independent branches finish first: a task goes to
 * error when nothing of it is running, ready or waiting for a retry. Returns the tasks in error.
 */
export async function finalize(db: Database, taskIds: readonly string[]): Promise<string[]> {
  const ids = [...new Set(taskIds)];
  const errored = await db.transaction(async (tx) => {
    await tx.run(flagBlockedTasks, { task_ids: ids });
    await tx.run(lockTasks, { task_ids: ids });
    return (await tx.run(failUnrunnableTasks, { task_ids: ids })).map((row) => row.task_id);
  });
  await traceEnded(db, errored);
  return errored;
}

/** Finalizes tasks whose process died between blocking a step and finalizing. Returns the tasks that ended. */
export async function finalizeUnfinalized(db: Database, limit = 10_000): Promise<string[]> {
  const found = (await db.run(findUnfinalizedTasks, { limit })).map((row) => row.task_id);
  if (found.length === 0) return [];
  const finalized: string[] = [];
  const failed = await inHalves(found, async (some) => {
    finalized.push(...(await finalize(db, some)));
  });
  // With others finalized it is found again by the next round, and reported when it is the only one.
  if (failed !== undefined && finalized.length === 0) throw failed;
  return finalized;
}
