import type { Executor } from '../db/connections/database.ts';
import { findTaskHistory, type HistoryRow } from '../db/reads/history.ts';

/** Every transition of one task and of its steps, in order of time; none for a task that does not exist. */
export function readHistory(db: Executor, taskId: string): Promise<HistoryRow[]> {
  return db.run(findTaskHistory, { task_id: taskId });
}
