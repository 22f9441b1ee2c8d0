import type { Database } from '../db/connections/database.ts';
import { listTasks, type TaskFilter } from '../db/reads/list-tasks.ts';
import type { TaskRow } from '../db/reads/tasks.ts';

/** A page of tasks, the newest first. The next page is the one below its last id. */
export function readTaskList(db: Database, filter: TaskFilter): Promise<TaskRow[]> {
  return listTasks(db, filter);
}
