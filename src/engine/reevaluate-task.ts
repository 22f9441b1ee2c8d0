import type { Executor } from '../db/connections/database.ts';
import { moveTasks } from '../db/statements/tasks/cancel-tasks.ts';
import type { State } from '../workflow/states.ts';
import { summarizeTask, syncTaskCounters } from '../db/statements/steps/operator-steps.ts';
import { failUnrunnableTasks } from '../db/statements/tasks/finalize-tasks.ts';

/**
 * Brings a task in line with its steps after some were resolved by an operator: complete, in error again,
 * or going on. The task and its open steps are locked by the caller. Returns the task's state.
 */
export async function reevaluateTask(tx: Executor, taskId: string, metadata: string): Promise<State> {
  const [task] = await tx.run(summarizeTask, { task_id: taskId });
  if (task === undefined) return 'pending';
  await tx.run(syncTaskCounters, {
    task_id: taskId,
    unfinished_sinks: task.unfinished_sinks,
    blocked: task.blocked > 0,
  });
  if (task.done === task.steps) {
    await tx.run(moveTasks, {
      task_ids: [taskId],
      from: ['in_progress'],
      to: 'complete',
      cause: 'operator_resolve',
      metadata,
    });
    return 'complete';
  }
  if (task.blocked === 0) return task.state;
  return (await tx.run(failUnrunnableTasks, { task_ids: [taskId] })).length > 0 ? 'error' : 'in_progress';
}
