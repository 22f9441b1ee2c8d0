import { createHash } from 'node:crypto';
import type { Database } from '../db/database.ts';
import { UnknownWorkflowError } from '../errors.ts';
import { findNamedTask, findRootQueues } from '../db/statements/register-workflow.ts';
import { submit } from './submit.ts';

/** The pg-boss queue whose schedules submit workflows. */
export const WORKFLOW_SCHEDULES = 'tasker-workflow-schedules';

/** What a workflow schedule carries: the input was validated when the schedule was made. */
export interface ScheduledSubmit {
  key: string;
  namespace: string;
  workflow: string;
  version: string;
  input: unknown;
  priority?: number;
}

/**
 * Submits the task of one tick. The tick's id is the same on every try, so a scheduler that dies between the submit and its
 * acknowledgement does not submit twice. Throws UnknownWorkflowError where the workflow is not registered (yet).
 */
export async function submitScheduled(
  db: Database,
  tick: { id: string; data: unknown },
): Promise<{ key: string; outcome: 'created' | 'existing'; taskId: string; queues: string[] }> {
  const data = tick.data as ScheduledSubmit;
  const [named] = await db.run(findNamedTask, [data.namespace, data.workflow, data.version]);
  if (named === undefined) {
    throw new UnknownWorkflowError(
      `schedule "${data.key}" names workflow ${data.namespace}/${data.workflow} ${data.version}, which no worker has registered: start a worker that has it, or remove the schedule`,
    );
  }
  const identityHash = createHash('sha256').update(`schedule\n${data.key}\n${tick.id}`).digest('hex');
  const [submitted] = await submit(db, [
    {
      namedTaskId: named.named_task_id,
      identityHash,
      context: JSON.stringify(data.input ?? null),
      priority: data.priority,
      initiator: `schedule:${data.key}`,
    },
  ]);
  const queues = (await db.run(findRootQueues, [named.named_task_id])).map((row) => row.queue);
  return { key: data.key, ...(submitted as { outcome: 'created' | 'existing'; taskId: string }), queues };
}
