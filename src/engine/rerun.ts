import type { Executor, Transactions } from '../db/connections/database.ts';
import { findTaskSteps, type StepRow } from '../db/reads/tasks.ts';
import { findRerun, takeOverSteps } from '../db/statements/acts/rerun.ts';
import { moveTasks } from '../db/statements/tasks/cancel-tasks.ts';
import { unlockChildren } from '../db/statements/steps/operator-steps.ts';
import { findRootQueues } from '../db/statements/workflows/register-workflow.ts';
import type { State } from '../workflow/states.ts';
import { audited } from './audit.ts';
import { auditMetadata, lockTask, type OperatorAction } from './operator-action.ts';
import { reevaluateTask } from './reevaluate-task.ts';
import { submitIn, type Submitted } from './submit.ts';

/** What a rerun has done, or why it was refused. */
export type RerunOutcome =
  /**
   * `taskId`: empty in a dry run, since nothing has an id before it is made. `takenOver`: steps whose results the new task has of the old
   * one. `queues`: those in which steps are ready.
   */
  | { outcome: 'created'; taskId: string; ordinal: number; takenOver: string[]; queues: string[] }
  | { outcome: 'not_found' }
  /** The task has not ended: it goes on by itself. */
  | { outcome: 'refused'; state: State }
  | { outcome: 'unknown_steps'; steps: string[]; known: string[] }
  /** These steps are before those to begin with, and are not done in the old task: there is no result to take over. */
  | { outcome: 'not_done'; steps: string[] };

/**
 * Makes a new task from one that has ended or is in error, with the same workflow and input. `from`: the steps to begin with; they run, and so
 * does everything after them, while the results of all others are taken over. Its identity is that of the old task with ~r and an ordinal
 * behind it: another one, so that the idempotency keys of its steps are others, too, and their effects happen again.
 */
export async function rerun(
  db: Transactions,
  taskId: string,
  { from, input, ...action }: OperatorAction & { from?: readonly string[] | undefined; input?: string | undefined },
): Promise<RerunOutcome> {
  const asked = { from, ...(input === undefined ? {} : { edit: 'task' }) };
  const act = { act: 'task.rerun', on: { kind: 'task', id: taskId }, action, asked } as const;
  return audited<RerunOutcome>(db, act, async (tx, change) => {
    // Reruns of one task wait for each other here, so each finds the ordinal of the one before.
    const state = await lockTask(tx, taskId);
    const [old] = await tx.run(findRerun, { task_id: taskId });
    if (state === undefined || old === undefined) return { outcome: 'not_found' };
    if (state === 'pending' || state === 'in_progress') return { outcome: 'refused', state };
    const steps = await tx.run(findTaskSteps, { task_id: taskId });
    const known = steps.map(({ name }) => name);
    const unknown = (from ?? []).filter((name) => !known.includes(name));
    if (unknown.length > 0) return { outcome: 'unknown_steps', steps: unknown, known };
    const before = from === undefined ? [] : stepsBefore(steps, from);
    const open = before.filter(({ state: of }) => of !== 'complete' && of !== 'resolved_manually');
    if (open.length > 0) return { outcome: 'not_done', steps: open.map(({ name }) => name) };
    if (input !== undefined) Object.assign(change, { before: old.context, after: input });
    const ordinal = old.reruns + 1;
    const task = {
      namedTaskId: old.named_task_id,
      identityHash: `${old.identity_hash}~r${ordinal}`,
      context: input ?? old.context,
      priority: old.priority,
      initiator: action.by,
      reason: `rerun of task ${taskId}${action.reason === undefined ? '' : `: ${action.reason}`}`,
      tags: old.tags ?? undefined,
      bypassSteps: old.bypass_steps ?? undefined,
    };
    const traced = { namespace: old.namespace, name: old.workflow, version: old.version };
    const [created] = await submitIn(tx, [task], undefined, traced);
    const newId = (created as Submitted).taskId;
    const roots = (await tx.run(findRootQueues, { named_task_id: old.named_task_id })).map(({ queue }) => queue);
    const metadata = auditMetadata(action, { rerun_of: taskId });
    const takenOver = before.map(({ name }) => name);
    const queues =
      takenOver.length === 0 ? roots : [...roots, ...(await takeOver(tx, { taskId, newId, takenOver, metadata }))];
    const shownId = action.dryRun === true ? '' : newId;
    return { outcome: 'created', taskId: shownId, ordinal, takenOver, queues: [...new Set(queues)] };
  });
}

async function takeOver(
  tx: Executor,
  { taskId, newId, takenOver, metadata }: { taskId: string; newId: string; takenOver: string[]; metadata: string },
): Promise<string[]> {
  await lockTask(tx, newId);
  const taken = await tx.run(takeOverSteps, {
    task_id: newId,
    from_task_id: taskId,
    step_names: takenOver,
    metadata,
  });
  const children = taken.flatMap((step) => step.children);
  const unlocked = children.length === 0 ? [] : await tx.run(unlockChildren, { task_id: newId, child_ids: children });
  await tx.run(moveTasks, {
    task_ids: [newId],
    from: ['pending'],
    to: 'in_progress',
    cause: 'operator_resolve',
    metadata,
  });
  await reevaluateTask(tx, newId, metadata);
  return unlocked.map(({ queue }) => queue);
}

/** The steps that are neither among `from` nor after any of them; `steps` has parents before their children. */
function stepsBefore(steps: readonly StepRow[], from: readonly string[]): StepRow[] {
  const runs = new Set(from);
  for (const { name, parents } of steps) if (parents.some((parent) => runs.has(parent))) runs.add(name);
  return steps.filter(({ name }) => !runs.has(name));
}
