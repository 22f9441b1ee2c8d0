import type { State } from '../../workflow/states.ts';
import { defineStatement, rows } from '../statement.ts';
import { predecessorOf, successorOf } from '../statements/rules/identity.ts';
import { stepColumns, type StepRow, TASK_COLUMNS, type TaskRow } from './tasks.ts';

/** A watched task that is not as it was. Of a task that has not ended, `context`, `superseded_by`, `replaces` and `trace_context` are not read. */
export interface ChangedTaskRow extends TaskRow {
  /** The id that was asked for. */
  watched_id: string;
  /** Null: there is no such task. */
  task_version: string | null;
  context: unknown;
  identity_hash: string;
  superseded_by: string | null;
  replaces: string | null;
  trace_context: string | null;
}

/** In these states a wait for the end of a task is over: a task in error goes on only if an operator acts. */
export const WAIT_ENDS: readonly State[] = ['complete', 'error', 'cancelled', 'resolved_manually'];

/** Rows of one answer; if there are as many, others may have changed too. */
export const CHANGED_TASKS = 2500;

/**
 * What a task is known by: another value after each of its transitions, and in another task of the same id, after a restore. If a
 * server of another version hashes otherwise, each task comes once more, which is harmless.
 */
const VERSION = 'hashtextextended(t.identity_hash, t.sort_key)';
const ENDED = `t.state IN (${WAIT_ENDS.map((state) => `'${state}'`).join(', ')})`;

/**
 * Of the tasks that are watched, those that are missing or have another version than the known one (null: none is known). One look-up by
 * the primary key for each, however many tasks there are: a subquery with a LIMIT is run for each row.
 */
export const findChangedTasks = defineStatement<ChangedTaskRow>()({
  name: 'find_changed_tasks',
  params: { known: rows({ watched_id: 'bigint', task_version: 'bigint | null' }) },
  text: `
SELECT w.watched_id, ${VERSION} AS task_version, t.identity_hash, ${TASK_COLUMNS},
  CASE WHEN ${ENDED} THEN t.context END AS context,
  CASE WHEN ${ENDED} THEN ${successorOf('t')} END AS superseded_by,
  CASE WHEN ${ENDED} THEN ${predecessorOf('t')} END AS replaces,
  CASE WHEN ${ENDED} THEN t.trace_context END AS trace_context
FROM :known AS w
LEFT JOIN LATERAL (SELECT * FROM tasker.tasker_tasks x WHERE x.task_id = w.watched_id LIMIT 1) t ON true
LEFT JOIN tasker.tasker_named_tasks k ON k.named_task_id = t.named_task_id
LEFT JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
WHERE t.task_id IS NULL OR w.task_version IS DISTINCT FROM ${VERSION}
LIMIT ${CHANGED_TASKS}`,
});

/** The steps of these tasks, as `find_task_steps` has them for one. OFFSET 0: the primary key is read for each task, and never the table. */
export const findStepsOfTasks = defineStatement<StepRow & { task_id: string }>()({
  name: 'find_steps_of_tasks',
  params: { tasks: rows({ task_id: 'bigint' }) },
  text: `
SELECT s.task_id, ${stepColumns('s.task_id')}
FROM :tasks AS w
CROSS JOIN LATERAL (SELECT * FROM tasker.tasker_workflow_steps x WHERE x.task_id = w.task_id OFFSET 0) s
JOIN tasker.tasker_named_steps n ON n.named_step_id = s.named_step_id
ORDER BY s.task_id, s.workflow_step_id`,
});
