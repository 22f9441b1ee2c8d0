import type { Transactions } from '../db/connections/database.ts';
import { lockOpenSteps } from '../db/statements/tasks/cancel-tasks.ts';
import { lockTasks } from '../db/statements/tasks/finalize-tasks.ts';
import { findFirstOfIdentities, type PurgedRows, purgeTasks } from '../db/statements/tasks/purge-tasks.ts';
import { isFinal, type State } from '../workflow/states.ts';

/** A task that a purge left, and why. */
export interface KeptTask {
  taskId: string;
  /**
   * `open`: it is pending, in progress or in error (`state`). `identity`: it is the first task of an identity that the task `heldBy`
   * holds now; without it, a submit of that identity would create another task beside that one.
   */
  reason: 'open' | 'identity';
  state?: State;
  heldBy?: string;
}

export interface PurgeOutcome {
  purged: PurgedRows;
  kept: KeptTask[];
  /** Ids without a task. */
  missing: string[];
}

const NOTHING: PurgedRows = { tasks: 0, steps: 0, edges: 0, transitions: 0 };

/**
 * Removes tasks with their steps, results and history, in one transaction: give it batches. Locks as an operator's action does: open
 * steps by key, then tasks by id. `open`: also tasks that have not ended or are in error. `dryRun`: removes nothing, and returns the number of tasks
 * that it would remove.
 */
export async function purge(
  db: Transactions,
  taskIds: readonly string[],
  options: { open?: boolean | undefined; dryRun?: boolean | undefined } = {},
): Promise<PurgeOutcome> {
  return db.transaction(async (tx) => {
    await tx.run(lockOpenSteps, { task_ids: taskIds });
    const found = await tx.run(lockTasks, { task_ids: taskIds });
    const kept: KeptTask[] =
      options.open === true
        ? []
        : found
            .filter(({ state }) => !isFinal(state))
            .map(({ task_id: taskId, state }) => ({ taskId, reason: 'open', state }));
    const open = new Set(kept.map(({ taskId }) => taskId));
    const ended = found.map((task) => task.task_id).filter((taskId) => !open.has(taskId));
    // After the locks: a submit that let a new task take over one of these has committed, or will find it gone.
    for (const row of await tx.run(findFirstOfIdentities, { task_ids: ended }))
      kept.push({ taskId: row.task_id, reason: 'identity', heldBy: row.held_by });
    const stays = new Set(kept.map(({ taskId }) => taskId));
    const going = ended.filter((taskId) => !stays.has(taskId));
    const exists = new Set(found.map((task) => task.task_id));
    const missing = taskIds.filter((taskId) => !exists.has(taskId));
    if (going.length === 0 || options.dryRun === true)
      return { purged: { ...NOTHING, tasks: going.length }, kept, missing };
    const [purged] = await tx.run(purgeTasks, { task_ids: going });
    return { purged: purged ?? NOTHING, kept, missing };
  });
}
