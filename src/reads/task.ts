import type { Executor } from '../db/connections/database.ts';
import { findTask, findTaskSteps, type StepRow, type TaskRow } from '../db/reads/tasks.ts';

/** A task with its input (`context`) and its steps in topological order. */
export interface TaskDetails extends TaskRow {
  context: unknown;
  /** Identifies the task in every state of the database, which `task_id` does not: after a restore ids are given out again. */
  identity_hash: string;
  /** The task that took over this one's identity by a reuse rule; null: none. */
  superseded_by: string | null;
  /** The task whose identity this one took over; null: none. */
  replaces: string | null;
  steps: StepRow[];
}

/** One task with its steps in topological order; undefined if there is none of this id. Reads by primary key. */
export async function readTask(db: Executor, taskId: string): Promise<TaskDetails | undefined> {
  const [task] = await db.run(findTask, { task_id: taskId });
  return task === undefined ? undefined : { ...task, steps: await db.run(findTaskSteps, { task_id: taskId }) };
}
