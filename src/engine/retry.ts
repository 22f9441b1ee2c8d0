import type { Transactions } from '../db/connections/database.ts';
import { moveTasks } from '../db/statements/tasks/cancel-tasks.ts';
import { retrySteps, stepNames, summarizeTask, syncTaskCounters } from '../db/statements/steps/operator-steps.ts';
import type { State } from '../workflow/states.ts';
import { audited } from './audit.ts';
import { auditMetadata, lockTask, type OperatorAction, refuseSuperseded, type Superseded } from './operator-action.ts';
import { editInput, type InputEdit } from './edit-input.ts';

/** `steps`: those that run again, with their raised limits. `queues`: those in which steps became ready. */
export type RetryOutcome =
  | { outcome: 'retried'; steps: { name: string; retryLimit: number }[]; queues: string[] }
  | { outcome: 'not_found' }
  /** The task has no steps of these names; nothing was changed. */
  | { outcome: 'unknown_steps'; steps: string[]; known: string[] }
  | { outcome: 'nothing_to_retry'; state: State }
  /** The input of a task is edited only while it is in error: otherwise its steps run with the present one. */
  | { outcome: 'refused'; state: State }
  | Superseded;

/**
 * Puts a task's steps in error (all, or those named) back in their queue at once, with at least `attempts` further
 * attempts, and a task in error back in progress. `edit`: with another input, of one step or of the task.
 */
export async function retry(
  db: Transactions,
  taskId: string,
  options: OperatorAction & {
    steps?: readonly string[] | undefined;
    attempts?: number | undefined;
    edit?: InputEdit | undefined;
  } = {},
): Promise<RetryOutcome> {
  const { steps: names, attempts, edit } = options;
  const asked = {
    steps: names,
    attempts,
    ...(edit === undefined ? {} : { edit: edit.step === undefined ? 'task' : 'step' }),
  };
  const act = { act: 'task.retry', on: { kind: 'task', id: taskId }, action: options, asked } as const;
  return audited<RetryOutcome>(db, act, async (tx, change) => {
    const state = await lockTask(tx, taskId);
    if (state === undefined) return { outcome: 'not_found' };
    const superseded = await refuseSuperseded(tx, taskId, state);
    if (superseded !== undefined) return superseded;
    if (options.steps !== undefined) {
      const known = (await tx.run(stepNames, { task_id: taskId })).map((row) => row.name);
      const steps = options.steps.filter((name) => !known.includes(name));
      if (steps.length > 0) return { outcome: 'unknown_steps', steps, known };
    }
    // Another step may run with the present input of the task.
    if (edit !== undefined && edit.step === undefined && state !== 'error') return { outcome: 'refused', state };
    const edited = edit === undefined ? undefined : await editInput(tx, taskId, edit, change);
    if (edit !== undefined && edited === undefined) return { outcome: 'nothing_to_retry', state };
    const metadata = auditMetadata(options, edited === undefined ? {} : { edited });
    const rows = await tx.run(retrySteps, {
      task_id: taskId,
      step_names: options.steps,
      attempts: options.attempts ?? 1,
      metadata,
    });
    if (rows.length === 0) {
      // A refusal changes nothing.
      if (edit !== undefined) await editInput(tx, taskId, { ...edit, input: change.before as string }, {});
      return { outcome: 'nothing_to_retry', state };
    }
    const [task] = await tx.run(summarizeTask, { task_id: taskId });
    if (task !== undefined) {
      await tx.run(syncTaskCounters, {
        task_id: taskId,
        unfinished_sinks: task.unfinished_sinks,
        blocked: task.blocked > 0,
      });
    }
    await tx.run(moveTasks, {
      task_ids: [taskId],
      from: ['error'],
      to: 'in_progress',
      cause: 'operator_retry',
      metadata,
    });
    return {
      outcome: 'retried',
      steps: rows.map((row) => ({ name: row.name, retryLimit: row.retry_limit })),
      queues: [...new Set(rows.map((row) => row.queue))],
    };
  });
}
