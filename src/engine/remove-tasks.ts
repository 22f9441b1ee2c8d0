import type { Executor } from '../db/connections/database.ts';
import { findHeldTasks, type HeldRow, lockHolds } from '../db/statements/retention/holds.ts';
import {
  countRemoved,
  countSteps,
  type DueTaskRow,
  findBoundByIdentities,
  findDueTasks,
} from '../db/statements/retention/remove.ts';
import { lockOpenSteps } from '../db/statements/tasks/cancel-tasks.ts';
import { lockTasks } from '../db/statements/tasks/finalize-tasks.ts';
import { countPurged, type PurgedRows, purgeTasks } from '../db/statements/tasks/purge-tasks.ts';
import type { State } from '../workflow/states.ts';
import { readPolicies } from './retention-policy.ts';

/** A hold, as far as a task that it keeps is concerned. */
export interface KeptByHold {
  holdId: string;
  /** The tag that it holds; undefined: it holds this task. */
  tag?: string;
  reason: string;
}

/** A task that was not removed, and why. */
export interface KeptTask {
  taskId: string;
  /**
   * `open`: it is pending, in progress or in error (`state`). `identity`: it is the first task of an identity (to retention also the latest)
   * of which the task `heldBy` is left; without it, a submit of that identity would create or find another task. `hold`: the legal hold
   * `hold` keeps it. `changed`: it is no longer what it was when it was chosen: not due, or gone.
   */
  reason: 'open' | 'identity' | 'hold' | 'changed';
  state?: State;
  heldBy?: string;
  hold?: KeptByHold;
}

export const NOTHING: PurgedRows = { tasks: 0, steps: 0, edges: 0, transitions: 0 };

/**
 * Locks tasks for their removal: first the holds, so that none is set from here to the end of the transaction, then open steps by key
 * and tasks by id, as an operator's action does. What is read behind it is so when they are removed. Returns the tasks that are there.
 */
export async function lockForRemoval(
  tx: Executor,
  taskIds: readonly string[],
): Promise<{ task_id: string; state: State }[]> {
  await tx.run(lockHolds);
  await tx.run(lockOpenSteps, { task_ids: taskIds });
  return tx.run(lockTasks, { task_ids: taskIds });
}

/** Those of these tasks that a hold keeps. */
export async function findHeld(tx: Executor, taskIds: readonly string[]): Promise<KeptTask[]> {
  return (await tx.run(findHeldTasks, { task_ids: taskIds })).map((row) => ({
    taskId: row.task_id,
    reason: 'hold' as const,
    hold: keptByHold(row),
  }));
}

export function keptByHold({ hold_id: holdId, tag, reason }: HeldRow): KeptByHold {
  return { holdId, reason, ...(tag === null ? {} : { tag }) };
}

/**
 * Deletes tasks with all their rows; they are locked, and it is decided that they go. The one place that does. What deleting leaves of the
 * history goes with its partition, when nearly no task of it is left (`merge_history`).
 */
export async function deleteTasks(tx: Executor, taskIds: readonly string[]): Promise<PurgedRows> {
  if (taskIds.length === 0) return NOTHING;
  const [rows] = await tx.run(purgeTasks, { task_ids: taskIds });
  return rows ?? NOTHING;
}

/** What `deleteTasks` would remove. */
export async function countTasks(tx: Executor, taskIds: readonly string[]): Promise<PurgedRows> {
  if (taskIds.length === 0) return NOTHING;
  const [rows] = await tx.run(countPurged, { task_ids: taskIds });
  return rows ?? NOTHING;
}

/** How many tasks of a workflow and state were removed. */
export interface RemovedOfWorkflow {
  namedTaskId: number;
  state: string;
  tasks: number;
  steps: number;
}

export interface Removed {
  rows: PurgedRows;
  byWorkflow: RemovedOfWorkflow[];
  /** What was to go and stays. Whoever can only remove all of a list or nothing rolls back if it is not empty. */
  kept: KeptTask[];
}

/**
 * Removes those of these tasks that may go by retention: locks them, decides anew by the policies, holds and identities of this
 * moment, deletes, and counts what went. In the caller's transaction, with a bounded list.
 */
export async function removeTasks(tx: Executor, taskIds: readonly string[]): Promise<Removed> {
  await lockForRemoval(tx, taskIds);
  const { finite } = await readPolicies(tx);
  const due: DueTaskRow[] =
    finite.length === 0 ? [] : await tx.run(findDueTasks, { task_ids: taskIds, policies: finite });
  const dueIds = new Set(due.map((row) => row.task_id));
  const kept: KeptTask[] = taskIds
    .filter((taskId) => !dueIds.has(taskId))
    .map((taskId) => ({ taskId, reason: 'changed' as const }));
  const held = await findHeld(tx, [...dueIds]);
  for (const task of held) dueIds.delete(task.taskId);
  const bound = await tx.run(findBoundByIdentities, { task_ids: [...dueIds] });
  for (const row of bound) dueIds.delete(row.task_id);
  kept.push(
    ...held,
    ...bound.map((row) => ({ taskId: row.task_id, reason: 'identity' as const, heldBy: row.held_by })),
  );
  const going = [...dueIds];
  if (going.length === 0) return { rows: NOTHING, byWorkflow: [], kept };
  const counts = await tx.run(countSteps, { task_ids: going });
  const rows = await deleteTasks(tx, going);
  await tx.run(countRemoved, { removed: counts });
  const byWorkflow = counts.map(({ named_task_id: namedTaskId, state, tasks, steps }) => ({
    namedTaskId,
    state,
    tasks,
    steps,
  }));
  return { rows, byWorkflow, kept };
}
