import type { Executor } from '../../db/connections/database.ts';
import { findExplainedTask } from '../../db/reads/explain/task.ts';
import { listStepTimelines } from '../../db/reads/step-timelines.ts';
import type { State } from '../../workflow/states.ts';
import { type CriticalPath, criticalPath } from './critical-path.ts';

/** The critical path of a task. */
export interface TaskPath extends CriticalPath {
  task_id: string;
  namespace: string;
  workflow: string;
  version: string;
  state: State;
  requested_at: Date;
  /** When it was read, by the clock of the database. */
  as_of: Date;
}

const NOTHING: CriticalPath = {
  complete: false,
  seconds: 0,
  path: [],
  totals: { wait: 0, work: 0, backoff: 0, held: 0 },
  slack: [],
};

/** Undefined: there is no such task. Reads the steps and the history of the task by its keys. */
export async function readCriticalPath(db: Executor, taskId: string): Promise<TaskPath | undefined> {
  const [task] = await db.run(findExplainedTask, { task_id: taskId, namespaces: undefined });
  if (task === undefined) return undefined;
  const { task_id, namespace, workflow, version, state, requested_at, now } = task;
  const steps = await db.run(listStepTimelines, { task_id: taskId });
  const found = criticalPath({ state, now: now.getTime() - requested_at.getTime() }, steps) ?? NOTHING;
  return { task_id, namespace, workflow, version, state, requested_at, ...found, as_of: now };
}
