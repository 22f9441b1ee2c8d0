import type { Transactions } from '../db/connections/database.ts';
import { findFirstOfIdentities, type PurgedRows } from '../db/statements/tasks/purge-tasks.ts';
import { writeAudit } from './audit.ts';
import type { OperatorAction } from './operator-action.ts';
import { isFinal } from '../workflow/states.ts';
import { deleteTasks, findHeld, type KeptTask, lockForRemoval, NOTHING } from './remove-tasks.ts';

export interface PurgeOutcome {
  purged: PurgedRows;
  kept: KeptTask[];
  /** Ids without a task. */
  missing: string[];
}

/**
 * Removes tasks with their steps, results and history, in one transaction: give it batches. Tasks that a legal hold keeps stay, whatever
 * the options. `open`: also tasks that have not ended or are in error. `dryRun`: removes nothing, and returns the number of tasks that it
 * would remove.
 */
export async function purge(
  db: Transactions,
  taskIds: readonly string[],
  options: OperatorAction & { open?: boolean | undefined } = {},
): Promise<PurgeOutcome> {
  return db.transaction(async (tx) => {
    const found = await lockForRemoval(tx, taskIds);
    const kept = await findHeld(
      tx,
      found.map((task) => task.task_id),
    );
    const stays = new Set(kept.map(({ taskId }) => taskId));
    const keep = (task: KeptTask): void => {
      stays.add(task.taskId);
      kept.push(task);
    };
    for (const { task_id: taskId, state } of found) {
      if (options.open !== true && !isFinal(state) && !stays.has(taskId)) keep({ taskId, reason: 'open', state });
    }
    const candidates = found.map((task) => task.task_id).filter((taskId) => !stays.has(taskId));
    // After the locks: a submit that let a new task take over one of these has committed, or will find it gone.
    for (const row of await tx.run(findFirstOfIdentities, { task_ids: candidates }))
      keep({ taskId: row.task_id, reason: 'identity', heldBy: row.held_by });
    const going = candidates.filter((taskId) => !stays.has(taskId));
    const exists = new Set(found.map((task) => task.task_id));
    const missing = taskIds.filter((taskId) => !exists.has(taskId));
    if (options.dryRun === true) return { purged: { ...NOTHING, tasks: going.length }, kept, missing };
    const purged = await deleteTasks(tx, going);
    if (going.length > 0) {
      // One row for the batch: the tasks are gone, and the audit is what is left of them.
      const on = { kind: 'task', id: going.length === 1 ? (going[0] as string) : `${going.length} tasks` } as const;
      const act = { act: 'task.purge', on, action: options } as const;
      await writeAudit(tx, act, { outcome: 'purged', ...purged, task_ids: going });
    }
    return { purged, kept, missing };
  });
}
