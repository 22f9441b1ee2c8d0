import type { Executor } from '../db/connections/database.ts';
import { listWorkflows, type WorkflowRow } from '../db/reads/workflows.ts';

/** Every workflow version with its open tasks, the live workers that serve it, and why others refuse it. Counts the tasks of up to 20,000 open steps. */
export function readWorkflows(db: Executor): Promise<WorkflowRow[]> {
  return db.run(listWorkflows);
}
