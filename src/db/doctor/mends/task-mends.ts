import { byEngine, DONE } from '../check.ts';
import { SEQUENCE_COLUMNS, UNREADABLE_TRACE } from '../task-checks.ts';
import {
  acknowledge,
  EDGES,
  STEP_HISTORY,
  type Mend,
  moveSteps,
  moveTasksTo,
  RECOUNT_SINKS,
  STEPS,
  script,
  STEPS_FROM_HISTORY,
  TASKS,
  TASKS_FROM_HISTORY,
  TASK_HISTORY,
} from './mend.ts';

const stepsOf = (condition: string): string => `(SELECT FROM ${STEPS} s WHERE s.task_id = t.task_id AND ${condition})`;
const taskOf = (condition: string): string =>
  `EXISTS (SELECT FROM ${TASKS} t WHERE t.task_id = s.task_id AND ${condition})`;
/** When the task of the step `s` ended, or when the step's last transition happened if that was later. */
const AT_ITS_END = `greatest(
    (SELECT h.created_at FROM ${TASK_HISTORY} h WHERE h.task_id = s.task_id AND h.most_recent),
    (SELECT o.created_at FROM ${STEP_HISTORY} o WHERE o.task_id = s.task_id AND o.workflow_step_id = s.workflow_step_id AND o.most_recent))`;

/** Mends of tasks, processes and parts of the schema. */
export const taskMends: Readonly<Record<string, Mend>> = {
  task_complete_flag: script(TASKS_FROM_HISTORY),
  task_complete_means_all_steps_done: script(
    STEPS_FROM_HISTORY,
    moveSteps(
      `s.state IN ('pending', 'in_progress', 'error') AND ${taskOf(`t.state = 'complete'`)}`,
      'resolved_manually',
      `CASE WHEN m.state = 'in_progress' THEN 'inherited' ELSE 'operator_resolve' END`,
      AT_ITS_END,
    ),
    RECOUNT_SINKS,
  ),
  task_all_steps_done_means_complete: script(
    TASKS_FROM_HISTORY,
    moveTasksTo(
      `t.state IN ('pending', 'in_progress', 'error') AND EXISTS ${stepsOf('true')} AND NOT EXISTS ${stepsOf(`s.state NOT IN ${DONE}`)}`,
      'complete',
      `CASE WHEN m.state = 'in_progress' THEN 'operator_resolve' ELSE 'inherited' END`,
    ),
    RECOUNT_SINKS,
  ),
  task_unfinished_sinks: script(RECOUNT_SINKS),
  task_error_means_stuck: script(
    `
UPDATE ${STEPS} s SET ready_at = NULL
WHERE s.ready_at IS NOT NULL AND (s.state <> 'pending' OR s.unmet_parents <> 0 OR s.attempts >= s.retry_limit)`,
    moveTasksTo(
      `t.state = 'error' AND (NOT EXISTS ${stepsOf('s.blocked_at IS NOT NULL')}
    OR EXISTS ${stepsOf('(s.in_process OR s.ready_at IS NOT NULL OR s.next_retry_at IS NOT NULL)')})`,
      'in_progress',
      `'operator_retry'`,
    ),
  ),
  task_in_progress_can_go_on: { command: 'tasker scheduler' },
  task_pending_means_untouched: script(
    TASKS_FROM_HISTORY,
    moveTasksTo(
      `t.state = 'pending' AND EXISTS ${stepsOf(`s.state <> 'pending'`)}`,
      'in_progress',
      `'operator_resolve'`,
    ),
  ),
  task_ended_means_no_open_steps: script(
    STEPS_FROM_HISTORY,
    moveSteps(
      `s.state IN ('pending', 'in_progress', 'error') AND ${taskOf(`t.state IN ('cancelled', 'resolved_manually')`)}`,
      'cancelled',
      `'cancel'`,
      AT_ITS_END,
    ),
  ),
  task_quiet_after_its_end: script(
    acknowledge(
      TASK_HISTORY,
      `t.most_recent AND ${byEngine('t')} AND t.to_state IN ('complete', 'cancelled', 'resolved_manually')
  AND EXISTS (SELECT FROM ${STEP_HISTORY} s WHERE s.task_id = t.task_id AND s.created_at > t.created_at)`,
    ),
  ),
  task_has_steps: script(
    `DELETE FROM ${TASKS} t WHERE NOT EXISTS ${stepsOf('true')}`,
    ...[STEPS, EDGES, STEP_HISTORY, TASK_HISTORY].map(
      (table) => `DELETE FROM ${table} r WHERE NOT EXISTS (SELECT FROM ${TASKS} t WHERE t.task_id = r.task_id)`,
    ),
  ),
  // The first task keeps the occurrence. Whether what the others did has to be undone, nobody but their owner knows.
  occurrence_is_one_task: script(
    `
UPDATE ${TASKS} t SET schedule = NULL
WHERE t.schedule IS NOT NULL AND EXISTS (
  SELECT FROM ${TASKS} o
  WHERE o.task_id < t.task_id AND o.schedule ->> 'name' = t.schedule ->> 'name'
    AND o.schedule ->> 'scheduled_at' = t.schedule ->> 'scheduled_at')`,
  ),
  trace_context_readable: script(`UPDATE ${TASKS} t SET trace_context = NULL WHERE ${UNREADABLE_TRACE}`),
  // A workflow or step name whose row is lost gets a new name, for which no worker has a handler: cancel or resolve its tasks.
  registry_complete: script(
    `
UPDATE ${STEPS} s SET named_task_id = t.named_task_id FROM ${TASKS} t WHERE t.task_id = s.task_id AND s.named_task_id <> t.named_task_id`,
    `
INSERT INTO tasker.tasker_task_namespaces (name) VALUES ('lost') ON CONFLICT (name) DO NOTHING`,
    `
INSERT INTO tasker.tasker_named_tasks (named_task_id, task_namespace_id, name) OVERRIDING SYSTEM VALUE
SELECT DISTINCT s.named_task_id, n.task_namespace_id, 'lost_' || s.named_task_id
FROM ${STEPS} s
JOIN tasker.tasker_task_namespaces n ON n.name = 'lost'
WHERE NOT EXISTS (SELECT FROM tasker.tasker_named_tasks k WHERE k.named_task_id = s.named_task_id)`,
    `
INSERT INTO tasker.tasker_named_steps (named_step_id, name) OVERRIDING SYSTEM VALUE
SELECT DISTINCT s.named_step_id, 'lost_' || s.named_step_id
FROM ${STEPS} s
WHERE NOT EXISTS (SELECT FROM tasker.tasker_named_steps k WHERE k.named_step_id = s.named_step_id)`,
  ),
  workflow_served_by_its_workers: { command: 'tasker worker --workflows <modules that define the workflow>' },
  // For a task in error: tasker resolve.
  step_cancelled_with_its_task: { command: 'tasker cancel <task>' },
  claim_recorded: { command: 'tasker release <task> --step <step>' },
  claim_of_a_living_worker: { command: 'tasker release <task> --step <step>' },
  sequences_ahead: {
    sql: SEQUENCE_COLUMNS.map(
      ([table, column]) =>
        `SELECT setval(q.sequence, greatest(nextval(q.sequence), m.highest))
FROM (SELECT pg_get_serial_sequence('tasker.${table}', '${column}') AS sequence) q, (SELECT max(${column}) AS highest FROM tasker.${table}) m;`,
    ).join('\n'),
  },
  indexes_valid: { sql: 'REINDEX INDEX CONCURRENTLY tasker.<index>;' },
};
