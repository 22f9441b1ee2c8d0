import type { Transactions } from '../db/connections/database.ts';
import { cancelOpenSteps, moveTasks } from '../db/statements/tasks/cancel-tasks.ts';
import { resolveSteps, unlockChildren } from '../db/statements/steps/operator-steps.ts';
import { isFinal, type State } from '../workflow/states.ts';
import { audited } from './audit.ts';
import { auditMetadata, lockTask, type OperatorAction, refuseSuperseded, type Superseded } from './operator-action.ts';
import { refuseStep } from './refuse-step.ts';
import { reevaluateTask } from './reevaluate-task.ts';

/** `taskState`: the state of the task afterwards. `queues`: those in which steps became ready. */
export type ResolveOutcome =
  | { outcome: 'resolved'; taskState: State; queues: string[] }
  | { outcome: 'not_found' }
  /** The task has no such step. */
  | { outcome: 'unknown_steps'; steps: string[]; known: string[] }
  /** The step is running, has ended or waits for a parent (resolve that first); or the task has ended. `stepState`: of the step, if it is about one. */
  | { outcome: 'refused'; state: State; stepState?: State }
  /** Only of a step: the whole task can still be resolved. */
  | Superseded;

/**
 * Declares one step done by hand. Its children see `result` (JSON text) as their parent's result and may become ready; a
 * task in error goes on, and ends if this was the last thing it waited for.
 */
export async function resolveStep(
  db: Transactions,
  taskId: string,
  stepName: string,
  options: OperatorAction & { result?: string | undefined } = {},
): Promise<ResolveOutcome> {
  const on = { kind: 'step', id: `${taskId}/${stepName}` } as const;
  return audited<ResolveOutcome>(db, { act: 'step.resolve', on, action: options }, async (tx, change) => {
    const state = await lockTask(tx, taskId);
    if (state === undefined) return { outcome: 'not_found' };
    if (isFinal(state)) return refuseStep(tx, { taskId, stepName, state });
    const superseded = await refuseSuperseded(tx, taskId, state);
    if (superseded !== undefined) return superseded;
    const metadata = auditMetadata(options);
    const [step] = await tx.run(resolveSteps, {
      task_id: taskId,
      step_names: [stepName],
      result: options.result ?? 'null',
      metadata,
    });
    if (step === undefined) return refuseStep(tx, { taskId, stepName, state });
    change.after = options.result ?? 'null';
    const unlocked =
      step.children.length === 0 ? [] : await tx.run(unlockChildren, { task_id: taskId, child_ids: step.children });
    await tx.run(moveTasks, {
      task_ids: [taskId],
      from: ['pending', 'error'],
      to: 'in_progress',
      cause: 'operator_resolve',
      metadata,
    });
    const taskState = await reevaluateTask(tx, taskId, metadata);
    return { outcome: 'resolved', taskState, queues: [...new Set(unlocked.map((row) => row.queue))] };
  });
}

/** Declares a whole task in error done by hand: its open steps are cancelled. */
export async function resolveTask(
  db: Transactions,
  taskId: string,
  action: OperatorAction = {},
): Promise<ResolveOutcome> {
  return audited<ResolveOutcome>(db, { act: 'task.resolve', on: { kind: 'task', id: taskId }, action }, async (tx) => {
    const state = await lockTask(tx, taskId);
    if (state === undefined) return { outcome: 'not_found' };
    if (state !== 'error') return { outcome: 'refused', state };
    const metadata = auditMetadata(action);
    await tx.run(cancelOpenSteps, { task_ids: [taskId], metadata });
    await tx.run(moveTasks, {
      task_ids: [taskId],
      from: ['error'],
      to: 'resolved_manually',
      cause: 'operator_resolve',
      metadata,
    });
    return { outcome: 'resolved', taskState: 'resolved_manually', queues: [] };
  });
}
