import type { Executor } from '../db/connections/database.ts';
import { heldAmong, lockHolds } from '../db/statements/retention/holds.ts';
import { type KeptTask, keptByHold } from '../engine/remove-tasks.ts';
import type { IndexEntry } from './object/index-entry.ts';

/** Those of these archived tasks that a legal hold keeps; in a transaction with `lockHolds` it stays so. */
export async function heldEntries(db: Executor, entries: readonly IndexEntry[]): Promise<KeptTask[]> {
  const tasks = entries.map(({ task_id, tags }) => ({
    task_id,
    tags: tags === undefined ? null : JSON.stringify(tags),
  }));
  return (await db.run(heldAmong, { tasks })).map((row) => ({
    taskId: row.task_id,
    reason: 'hold' as const,
    hold: keptByHold(row),
  }));
}

/** As heldEntries, and no hold is set until the end of the transaction. */
export async function heldEntriesLocked(tx: Executor, entries: readonly IndexEntry[]): Promise<KeptTask[]> {
  await tx.run(lockHolds);
  return heldEntries(tx, entries);
}
