import type { Executor } from '../db/connections/database.ts';
import { lockOpenSteps } from '../db/statements/tasks/cancel-tasks.ts';
import { findSuccessor } from '../db/statements/tasks/successor.ts';
import { lockTasks } from '../db/statements/tasks/finalize-tasks.ts';
import type { State } from '../workflow/states.ts';

/** By whom and why, kept in the audit and with the transition of every row that the action changed. */
export interface OperatorAction {
  by?: string | undefined;
  reason?: string | undefined;
  /** Change nothing, and return the outcome that the action would have now. Default false. */
  dryRun?: boolean | undefined;
  /** @internal The bulk operation that this is a part of. */
  operation?: string | undefined;
}

/** `more`: what else the history keeps. */
export function auditMetadata(action: OperatorAction, more: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    by: action.by ?? 'operator',
    ...(action.reason === undefined ? {} : { reason: action.reason }),
    ...(action.operation === undefined ? {} : { operation: action.operation }),
    ...more,
  });
}

/**
 * Locks a whole task for an operator's action: open steps by key, then the task row, the same order as a completion.
 * Returns the task's state, or undefined if there is no such task.
 */
export async function lockTask(tx: Executor, taskId: string): Promise<State | undefined> {
  await tx.run(lockOpenSteps, { task_ids: [taskId] });
  const [task] = await tx.run(lockTasks, { task_ids: [taskId] });
  return task?.state;
}

/** Another task has taken over the identity of this one, which therefore does not go on. */
export interface Superseded {
  outcome: 'superseded';
  state: State;
  /** The task that took over. */
  by: string;
}

/**
 * A task in error whose identity a later submit gave to a new task stays in error: going on, it would do the same work a second time,
 * beside the new one. Undefined: the task may go on. Its row is locked by the caller, so no submit takes its identity meanwhile.
 */
export async function refuseSuperseded(tx: Executor, taskId: string, state: State): Promise<Superseded | undefined> {
  if (state !== 'error') return undefined;
  const [task] = await tx.run(findSuccessor, { task_id: taskId });
  const by = task?.successor ?? null;
  return by === null ? undefined : { outcome: 'superseded', state, by };
}
