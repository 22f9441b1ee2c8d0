import type { Transactions } from '../db/connections/database.ts';
import { cancelOpenSteps, moveTasks } from '../db/statements/tasks/cancel-tasks.ts';
import type { State } from '../workflow/states.ts';
import { audited } from './audit.ts';
import { auditMetadata, lockTask, type OperatorAction } from './operator-action.ts';

/** `steps`: how many were open. */
export type CancelOutcome =
  | { outcome: 'cancelled'; steps: number }
  | { outcome: 'not_found' }
  /** The task has ended, or is in error (retry or resolve it instead). */
  | { outcome: 'refused'; state: State };

/** Cancels a task and its open steps. A step that is running loses its claim, and its worker aborts it. */
export async function cancel(db: Transactions, taskId: string, action: OperatorAction = {}): Promise<CancelOutcome> {
  return audited<CancelOutcome>(db, { act: 'task.cancel', on: { kind: 'task', id: taskId }, action }, async (tx) => {
    const state = await lockTask(tx, taskId);
    if (state === undefined) return { outcome: 'not_found' };
    if (state !== 'pending' && state !== 'in_progress') return { outcome: 'refused', state };
    const metadata = auditMetadata(action);
    const steps = await tx.run(cancelOpenSteps, { task_ids: [taskId], metadata });
    await tx.run(moveTasks, {
      task_ids: [taskId],
      from: ['pending', 'in_progress'],
      to: 'cancelled',
      cause: 'cancel',
      metadata,
    });
    return { outcome: 'cancelled', steps: steps.length };
  });
}
