import type { Executor } from '../db/connections/database.ts';
import { lockOpenSteps } from '../db/statements/tasks/cancel-tasks.ts';
import { lockTasks } from '../db/statements/tasks/finalize-tasks.ts';

/** By whom and why, kept with the transition of every row that the action changed. */
export interface OperatorAction {
  by?: string | undefined;
  reason?: string | undefined;
}

export function auditMetadata(action: OperatorAction): string {
  return JSON.stringify({
    by: action.by ?? 'operator',
    ...(action.reason === undefined ? {} : { reason: action.reason }),
  });
}

/**
 * Locks a whole task for an operator's action: open steps by key, then the task row, the same order as a completion.
 * Returns the task's state, or undefined if there is no such task.
 */
export async function lockTask(tx: Executor, taskId: string): Promise<string | undefined> {
  await tx.run(lockOpenSteps, { task_ids: [taskId] });
  const [task] = await tx.run(lockTasks, { task_ids: [taskId] });
  return task?.state;
}
