import { acrossSetBack, byEngine, type Check, DONE } from './check.ts';
import { isLive } from '../statements/rules/live-process.ts';

const TASKS = 'tasker.tasker_tasks t';
const STEPS_OF = 'FROM tasker.tasker_workflow_steps s WHERE s.task_id = t.task_id';

/** Commands identify steps by name. */
const STEP_NAME = '(SELECT n.name FROM tasker.tasker_named_steps n WHERE n.named_step_id = s.named_step_id) AS step';

/** A task may be between two transactions of one operation for this long. */
const GRACE = `interval '10 seconds'`;

/**
 * Every column whose values come from a sequence. pg-boss's tables have none. Processes use random ids: the sequence of their table
 * serves only processes of earlier versions, whose ids stay below all random ones.
 */
export const SEQUENCE_COLUMNS = [
  ['tasker_tasks', 'task_id'],
  ['tasker_task_namespaces', 'task_namespace_id'],
  ['tasker_named_tasks', 'named_task_id'],
  ['tasker_named_steps', 'named_step_id'],
  ['tasker_holds', 'hold_id'],
  ['tasker_audit', 'audit_id'],
  ['tasker_archives', 'archive_id'],
  ['tasker_operations', 'operation_id'],
  ['tasker_search_paths', 'path_id'],
] as const;

/** SQL condition: workers cannot read the trace context of the task `t`. The form is that of readStoredContext. */
export const UNREADABLE_TRACE = `(t.trace_context COLLATE "C" !~ '^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}( [ -~]+)?$' OR length(t.trace_context) > 568)`;

/**
 * Selects the sequence of a column if it is behind the column's highest value, with the statement that mends it. Returns nothing to a
 * role without the right to read the sequence. A working fleet causes no false alarm: sequences ignore the snapshot, so they are
 * ahead of it.
 */
const sequenceBehind = ([table, column]: (typeof SEQUENCE_COLUMNS)[number]): string => `
      SELECT '${table}.${column}' AS column, p.last_value, m.highest,
        format('SELECT setval(%L, %s)', s.sequence, m.highest) AS mend
      FROM (SELECT pg_get_serial_sequence('tasker.${table}', '${column}') AS sequence) s
      JOIN pg_sequences p ON format('%I.%I', p.schemaname, p.sequencename)::regclass = s.sequence::regclass
      CROSS JOIN (SELECT max(${column})::bigint AS highest FROM tasker.${table}) m
      WHERE m.highest > coalesce(p.last_value, p.start_value - 1) AND has_sequence_privilege(s.sequence, 'USAGE, SELECT')`;

/** Invariants of tasks, claims, processes and the schema itself. */
export const taskChecks: Check[] = [
  {
    id: 'task_complete_flag',
    title: 'complete is true exactly in the states complete and resolved_manually',
    why: 'Lists of open tasks use this column. Set it from the state.',
    sql: `SELECT t.task_id FROM ${TASKS} WHERE t.complete <> (t.state IN ${DONE})`,
  },
  {
    id: 'task_complete_means_all_steps_done',
    title: 'every step of a complete task is done',
    why: 'The task ended while work was left. Report this: it is a bug.',
    // Tasker (Ruby) ended tasks with open steps, which the migration cancelled.
    sql: `SELECT t.task_id FROM ${TASKS} WHERE t.state = 'complete' AND EXISTS (
        SELECT ${STEPS_OF} AND s.state NOT IN ${DONE} AND (s.state <> 'cancelled' OR EXISTS (
          SELECT FROM tasker.tasker_task_transitions h WHERE h.task_id = t.task_id AND h.most_recent AND ${byEngine('h')})))`,
  },
  {
    id: 'task_all_steps_done_means_complete',
    title: 'a task whose steps are all done is complete',
    why: 'Nothing would ever end it. Report this: it is a bug.',
    sql: `SELECT t.task_id FROM ${TASKS} WHERE t.state IN ('pending', 'in_progress', 'error')
      AND EXISTS (SELECT ${STEPS_OF}) AND NOT EXISTS (SELECT ${STEPS_OF} AND s.state NOT IN ${DONE})`,
  },
  {
    id: 'task_unfinished_sinks',
    title: 'unfinished_sinks is the number of sinks (steps without children) that are not done',
    why: 'The task would end too early or never. Count again and correct the row.',
    sql: `SELECT t.task_id, t.unfinished_sinks FROM ${TASKS}
      WHERE t.unfinished_sinks <> (SELECT count(*) ${STEPS_OF} AND s.children = '{}' AND s.state NOT IN ${DONE})`,
  },
  {
    id: 'task_error_means_stuck',
    title: 'a task in error has a blocked step, and no step that is running, ready or waiting for a retry',
    why: 'The task ended while work was left. tasker retry continues it.',
    sql: `SELECT t.task_id FROM ${TASKS} WHERE t.state = 'error' AND (
        NOT EXISTS (SELECT ${STEPS_OF} AND s.blocked_at IS NOT NULL)
        OR EXISTS (SELECT ${STEPS_OF} AND (s.in_process OR s.ready_at IS NOT NULL OR s.next_retry_at IS NOT NULL)))`,
  },
  {
    id: 'task_in_progress_can_go_on',
    title: 'a task in progress has a step that is running, ready or waiting for a retry',
    why: 'No step of it can run any more, and no event will end it. A scheduler finalizes such tasks within seconds: check that one is running.',
    sql: `SELECT t.task_id FROM ${TASKS} WHERE t.state = 'in_progress'
      AND EXISTS (SELECT ${STEPS_OF} AND s.state NOT IN ${DONE})
      AND NOT EXISTS (SELECT ${STEPS_OF} AND (s.in_process OR s.ready_at IS NOT NULL OR s.next_retry_at IS NOT NULL))
      AND NOT EXISTS (SELECT ${STEPS_OF} AND s.blocked_at > statement_timestamp() - ${GRACE})`,
  },
  {
    id: 'task_pending_means_untouched',
    title: 'no step of a pending task has begun',
    why: 'Its start was not recorded. Report this: it is a bug.',
    sql: `SELECT t.task_id FROM ${TASKS} WHERE t.state = 'pending' AND EXISTS (SELECT ${STEPS_OF} AND s.state <> 'pending')`,
  },
  {
    id: 'task_ended_means_no_open_steps',
    title: 'no step of a cancelled or resolved task is open',
    why: 'Workers would go on with a task that has ended. Cancel the steps.',
    sql: `SELECT t.task_id FROM ${TASKS} WHERE t.state IN ('cancelled', 'resolved_manually')
      AND EXISTS (SELECT ${STEPS_OF} AND s.state IN ('pending', 'in_progress', 'error'))`,
  },
  {
    id: 'task_quiet_after_its_end',
    title: 'no step changed after its task had ended',
    why: 'Workers went on with a task that had ended. Report this: it is a bug.',
    sql: `SELECT DISTINCT t.task_id FROM tasker.tasker_task_transitions t
      JOIN tasker.tasker_workflow_step_transitions s ON s.task_id = t.task_id AND s.created_at > t.created_at
      WHERE t.most_recent AND ${byEngine('t')} AND t.to_state IN ('complete', 'cancelled', 'resolved_manually')
        AND NOT ${acrossSetBack('s.created_at', 't.created_at')}`,
  },
  {
    id: 'task_has_steps',
    title: 'every task has steps, unless it was imported without any, and every step has a task',
    why: 'A part of a task was deleted, or written without the rest. Cancel a task without steps (tasker cancel), or delete what is left.',
    sql: `SELECT coalesce(t.task_id, s.task_id) AS task_id FROM ${TASKS}
      FULL JOIN (SELECT DISTINCT task_id FROM tasker.tasker_workflow_steps) s ON s.task_id = t.task_id
      WHERE t.task_id IS NULL OR (s.task_id IS NULL AND NOT (t.state IN ('complete', 'cancelled', 'resolved_manually') AND EXISTS (
        SELECT FROM tasker.tasker_imported_tasks i WHERE i.task_id = t.task_id AND i.details ? 'without_steps')))`,
  },
  {
    id: 'occurrence_is_one_task',
    title: 'an occurrence of a schedule has one task',
    why: 'What should happen once at that time may have happened twice. Report this: it is a bug, unless the tables of schedules were written by hand.',
    sql: `SELECT t.task_id, t.schedule ->> 'name' AS schedule, t.schedule ->> 'scheduled_at' AS scheduled_at FROM (
        SELECT k.task_id, k.schedule,
          row_number() OVER (PARTITION BY k.schedule ->> 'name', k.schedule ->> 'scheduled_at' ORDER BY k.task_id) AS nth
        FROM tasker.tasker_tasks k WHERE k.schedule IS NOT NULL) t
      WHERE t.nth > 1`,
  },
  {
    id: 'trace_context_readable',
    title: 'the trace context of a task is a W3C traceparent, with or without a tracestate behind it',
    why: 'The task runs, but nothing of it is traced. A submit writes no such text: somebody else did. Remove it.',
    sql: `SELECT t.task_id, left(t.trace_context, 100) AS trace_context FROM ${TASKS} WHERE ${UNREADABLE_TRACE}`,
  },
  {
    id: 'registry_complete',
    title: 'every step has a registered workflow and a registered name',
    why: 'No worker can find its handler. Restore the rows of tasker_named_tasks and tasker_named_steps.',
    sql: `SELECT s.task_id, s.workflow_step_id FROM tasker.tasker_workflow_steps s
      LEFT JOIN tasker.tasker_named_steps n ON n.named_step_id = s.named_step_id
      LEFT JOIN tasker.tasker_named_tasks k ON k.named_task_id = s.named_task_id
      WHERE n.named_step_id IS NULL OR k.named_task_id IS NULL`,
  },
  {
    id: 'workflow_served_by_its_workers',
    title: 'no live worker has handlers for a workflow that it cannot register',
    why: 'Its tasks wait while those of the other workflows run. The column problem contains what to do; the worker tries again by itself.',
    sql: `SELECT w.namespace, w.name AS workflow, w.version, w.problem, w.worker_id FROM tasker.tasker_worker_workflows w
      JOIN tasker.tasker_workers k ON k.worker_id = w.worker_id
      WHERE w.problem IS NOT NULL AND ${isLive('k')}`,
  },
  {
    id: 'step_cancelled_with_its_task',
    title: 'a cancelled step belongs to a task that has ended',
    why: 'An open task would wait for it without end. Cancel the task (tasker cancel); if it is in error, resolve it (tasker resolve).',
    sql: `SELECT s.task_id, s.workflow_step_id FROM tasker.tasker_workflow_steps s
      JOIN tasker.tasker_tasks t ON t.task_id = s.task_id
      WHERE s.state = 'cancelled' AND t.state IN ('pending', 'in_progress', 'error')`,
  },
  {
    id: 'claim_recorded',
    title: 'every step in progress is listed in the row of its claim in tasker_claims',
    why: 'If its worker crashes, recovery cannot find the step. Put it back in its queue.',
    sql: `SELECT s.task_id, s.workflow_step_id, ${STEP_NAME} FROM tasker.tasker_workflow_steps s
      WHERE s.in_process AND NOT EXISTS (
        SELECT FROM tasker.tasker_claims c
        WHERE c.claim_id = s.claim_id AND c.worker_id = s.claimed_by AND s.workflow_step_id = ANY (c.workflow_step_ids))`,
  },
  {
    id: 'claim_of_a_living_worker',
    title: 'no worker that ended more than a minute ago still holds a step',
    why: 'Its steps are not being recovered. Check that a scheduler is running.',
    sql: `SELECT s.task_id, s.workflow_step_id, ${STEP_NAME}, s.claimed_by FROM tasker.tasker_workflow_steps s
      LEFT JOIN tasker.tasker_workers w ON w.worker_id = s.claimed_by
      WHERE s.in_process AND (w.worker_id IS NULL OR w.stopped_at < statement_timestamp() - interval '1 minute'
        OR w.lease_expires_at < statement_timestamp() - interval '1 minute')`,
  },
  {
    id: 'sequences_ahead',
    title: 'every sequence is ahead of its column',
    why: 'Rows were restored or copied without their sequences: new rows would get ids that are taken, and PostgreSQL would refuse them. Run the statement in `mend`; nothing needs to be stopped for it.',
    sql: `SELECT * FROM (${SEQUENCE_COLUMNS.map(sequenceBehind).join('\n      UNION ALL')}) behind`,
  },
  {
    id: 'indexes_valid',
    title: 'every index is valid',
    why: 'A concurrent build was interrupted. Run tasker migrate up, which builds it again, or drop it.',
    sql: `SELECT c.relname AS index FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      JOIN pg_class r ON r.oid = i.indrelid
      LEFT JOIN pg_inherits h ON h.inhrelid = r.oid
      WHERE coalesce(h.inhparent, r.oid) = ANY (ARRAY['tasker.tasker_tasks', 'tasker.tasker_workflow_steps', 'tasker.tasker_workflow_step_edges',
        'tasker.tasker_workflow_step_transitions', 'tasker.tasker_task_transitions', 'tasker.tasker_workers']::regclass[])
      AND NOT i.indisvalid`,
  },
];
