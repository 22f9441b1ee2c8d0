import type { Transactions } from '../db/connections/database.ts';
import { findFirstOfIdentities, type PurgedRows } from '../db/statements/tasks/purge-tasks.ts';
import { type Act, writeAudit } from './audit.ts';
import type { OperatorAction } from './operator-action.ts';
import { isFinal } from '../workflow/states.ts';
import { countTasks, deleteTasks, findHeld, type KeptTask, lockForRemoval } from './remove-tasks.ts';

export interface PurgeOutcome {
  purged: PurgedRows;
  kept: KeptTask[];
  /** Ids without a task. */
  missing: string[];
}

/**
 * Removes tasks with their steps, results and history, in one transaction: give it batches. Tasks that a legal hold keeps stay, whatever
 * the options. `open`: also tasks that have not ended or are in error. `dryRun`: removes nothing, and returns how many rows it would
 * remove.
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
    if (options.dryRun === true) return { purged: await countTasks(tx, going), kept, missing };
    const purged = await deleteTasks(tx, going);
    // One row for the batch: the tasks are gone, and the audit is what is left of them.
    if (going.length > 0) {
      const left = kept.length === 0 ? {} : { kept: kept.length };
      await writeAudit(tx, actOn(going, options), { outcome: 'purged', ...purged, task_ids: going, ...left });
    }
    // And one for what somebody wanted to be gone: a hold that did its work is to be seen.
    if (kept.length > 0) {
      const ids = kept.map(({ taskId }) => taskId);
      const reasons = Object.fromEntries(kept.map(({ taskId, reason }) => [taskId, reason]));
      await writeAudit(tx, actOn(ids, options), { outcome: 'kept', reasons });
    }
    return { purged, kept, missing };
  });
}

/** A purge that found none of its tasks, in the tables or in the archive, or only tasks of the archive that a hold keeps. */
export async function auditNothingPurged(
  db: Transactions,
  selection: { taskIds: readonly string[] } | { tag: string },
  keptOfArchive: readonly KeptTask[],
  action: OperatorAction,
): Promise<void> {
  const kept = keptOfArchive.slice(0, MOST_NAMED).map(({ taskId }) => taskId);
  const act =
    'tag' in selection
      ? ({ act: 'task.purge', on: { kind: 'tag', id: selection.tag }, action } as const)
      : actOn(selection.taskIds, action);
  const outcome =
    kept.length === 0 ? { outcome: 'not_found' } : { outcome: 'kept', kept: keptOfArchive.length, task_ids: kept };
  await db.transaction((tx) => writeAudit(tx, act, outcome));
}

/** Ids in one row of the audit. */
const MOST_NAMED = 100;

const actOn = (taskIds: readonly string[], action: OperatorAction): Act => ({
  act: 'task.purge',
  on: { kind: 'task', id: taskIds.length === 1 ? (taskIds[0] as string) : `${taskIds.length} tasks` },
  action,
});
