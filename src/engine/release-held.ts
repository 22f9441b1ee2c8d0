import type { Transactions } from '../db/connections/database.ts';
import { moveTasks } from '../db/statements/tasks/cancel-tasks.ts';
import { findHeld, releaseHeld } from '../db/statements/steps/release-held.ts';
import type { State } from '../workflow/states.ts';
import { audited } from './audit.ts';
import { refuseStep } from './refuse-step.ts';
import { auditMetadata, lockTask, type OperatorAction, refuseSuperseded, type Superseded } from './operator-action.ts';

/** `queues`: that of the step, in which it is ready again. */
export type ReleaseHeldOutcome =
  | { outcome: 'released'; queues: string[] }
  | { outcome: 'not_found' }
  | { outcome: 'unknown_steps'; steps: string[]; known: string[] }
  /** The step is not in progress, or the task has ended. */
  | { outcome: 'refused'; state: State; stepState: State }
  /** A process that lives has it, by the record of its claim. */
  | { outcome: 'held'; workerId: string }
  | Superseded;

/**
 * Takes a step in progress away from the process that has it and puts it back in its queue, without spending the attempt: for a step that
 * no recovery finds. `force`: even from a process that lives, which finds within seconds that its claim is lost. Whatever
 * the step has done so far happens again.
 */
export async function releaseHeldStep(
  db: Transactions,
  taskId: string,
  stepName: string,
  options: OperatorAction & { force?: boolean | undefined } = {},
): Promise<ReleaseHeldOutcome> {
  const on = { kind: 'step', id: `${taskId}/${stepName}` } as const;
  const asked = options.force === true ? { force: true } : undefined;
  return audited<ReleaseHeldOutcome>(db, { act: 'step.release', on, action: options, asked }, async (tx) => {
    const state = await lockTask(tx, taskId);
    if (state === undefined) return { outcome: 'not_found' };
    if (state !== 'in_progress' && state !== 'error') return refuseStep(tx, { taskId, stepName, state });
    const superseded = await refuseSuperseded(tx, taskId, state);
    if (superseded !== undefined) return superseded;
    const [held] = await tx.run(findHeld, { task_id: taskId, step_name: stepName });
    if (held === undefined) return refuseStep(tx, { taskId, stepName, state });
    if (held.living && held.recorded && options.force !== true) return { outcome: 'held', workerId: held.worker_id };
    const metadata = auditMetadata(options);
    const released = await tx.run(releaseHeld, { task_id: taskId, step_name: stepName, metadata });
    await tx.run(moveTasks, {
      task_ids: [taskId],
      from: ['error'],
      to: 'in_progress',
      cause: 'operator_retry',
      metadata,
    });
    return { outcome: 'released', queues: released.map((row) => row.queue) };
  });
}
