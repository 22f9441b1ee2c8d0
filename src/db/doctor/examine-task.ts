import type { Executor } from '../connections/database.ts';
import { defineStatement } from '../statement.ts';
import { attemptChecks } from './attempt-checks.ts';
import type { Check } from './check.ts';
import { historyChecks } from './history-checks.ts';
import { stepChecks } from './step-checks.ts';
import { taskChecks } from './task-checks.ts';

/**
 * Checks that read the whole of a table even if they are asked about one task, or that are not about rows of a task: windows over other
 * keys, joins in full, processes, the schema.
 */
const NOT_OF_ONE_TASK = new Set([
  'claim_of_one_worker',
  'claim_record_in_use',
  'edges_go_forward',
  'occurrence_is_one_task',
  'sequences_ahead',
  'indexes_valid',
  'task_has_steps',
  'workflow_served_by_its_workers',
]);

/** The checks of one task, each as a statement that reads by the task's key. */
const OF_ONE_TASK = [...stepChecks, ...taskChecks, ...attemptChecks, ...historyChecks]
  .filter(({ id }) => !NOT_OF_ONE_TASK.has(id))
  .map((check) => ({
    check,
    statement: defineStatement<{ violated: boolean }>()({
      name: `examine_${check.id}`.slice(0, 63),
      params: { task_id: 'bigint' },
      text: `SELECT EXISTS (SELECT FROM (${check.sql}) v WHERE v.task_id = :task_id) AS violated`,
    }),
  }));

/** The checks of the doctor that a task violates. Some thirty statements, for a task that was found to contradict itself. */
export async function examineTask(db: Executor, taskId: string): Promise<Pick<Check, 'id' | 'title' | 'why'>[]> {
  const violated: Check[] = [];
  for (const { check, statement } of OF_ONE_TASK) {
    const [row] = await db.run(statement, { task_id: taskId });
    if (row?.violated === true) violated.push(check);
  }
  return violated.map(({ id, title, why }) => ({ id, title, why }));
}
