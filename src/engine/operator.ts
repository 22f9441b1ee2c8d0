import type { Executor } from '../db/connections/database.ts';
import { lockOpenSteps } from '../db/statements/tasks/cancel-tasks.ts';
import { lockTasks } from '../db/statements/tasks/finalize-tasks.ts';

/** Who did it and why, kept with the transition of every row that the act changed. */
export interface OperatorAction {
  by?: string | undefined;
  reason?: string | undefined;
}

export function auditMetadata(act: OperatorAction): string {
  return JSON.stringify({ by: act.by ?? 'operator', ...(act.reason === undefined ? {} : { reason: act.reason }) });
}

/**
 * Locks a whole task for an operator's act: open steps by key, then the task row, the same order as a completion.
 * Returns the task's state, or undefined where there is no such task.
 */
export async function lockTask(tx: Executor, taskId: string): Promise<string | undefined> {
  await tx.run(lockOpenSteps, [[taskId]]);
  const [task] = await tx.run(lockTasks, [[taskId]]);
  return task?.state;
}
