import { type Statement, statement } from '../../statement.ts';

/*
 * Schedules are rows of pg-boss (`<cron schema>.schedule`); what became of their occurrences is in tasker_schedule_states. The
 * space before the dot keeps the cron schema apart from that of the engine's tables, whatever both are called.
 */

/**
 * Whether there are schedules in a queue of pg-boss, and the database's time. Parameter: the queue. Asked without pg-boss, so that
 * a fleet without schedules need not run it.
 */
export const findSchedules = (cronSchema: string): Statement<{ now: Date; found: boolean }> =>
  statement(
    'find_schedules',
    `SELECT clock_timestamp() AS now, EXISTS (SELECT FROM "${cronSchema}" .schedule s WHERE s.name = $1) AS found`,
  );

export interface ScheduleRow {
  key: string;
  cron: string;
  timezone: string;
  data: unknown;
  /** Another one after each write of the row. */
  revision: string;
  updated_at: Date;
  now: Date;
  /** The newest occurrence that was decided, and how; null: none yet. */
  occurrence_at: Date | null;
  outcome: 'submitted' | 'skipped' | null;
  task_id: string | null;
  /** Of the last attempt, if that failed. */
  error: string | null;
  failed_at: Date | null;
}

/** Schedules of a queue with what became of them, by key. Parameters: the queue, a key (null: all). */
export const listSchedules = (cronSchema: string): Statement<ScheduleRow> =>
  statement(
    'list_schedules',
    `
SELECT s.key, s.cron, coalesce(s.timezone, 'UTC') AS timezone, s.data, s.updated_on::text AS revision,
  s.updated_on AS updated_at, clock_timestamp() AS now, t.occurrence_at, t.outcome, t.task_id, t.error, t.failed_at
FROM "${cronSchema}" .schedule s
LEFT JOIN tasker.tasker_schedule_states t ON t.schedule_key = s.key
WHERE s.name = $1 AND ($2::text IS NULL OR s.key = $2)
ORDER BY s.key`,
  );

/** Whether the tables of pg-boss are there. Parameter: the cron schema. */
export const hasSchedules = statement<{ found: boolean }>(
  'has_schedules',
  `SELECT to_regclass(format('%I.schedule', $1::text)) IS NOT NULL AS found`,
);

/**
 * Locks the state of a schedule, made if it is missing, to the end of the transaction: who decides its next occurrence sees what
 * was decided before. Parameter: key. Taken before the schedule's own row.
 */
export const lockScheduleState = statement<{ occurrence_at: Date | null }>(
  'lock_schedule_state',
  `
INSERT INTO tasker.tasker_schedule_states (schedule_key) VALUES ($1)
ON CONFLICT (schedule_key) DO UPDATE SET schedule_key = EXCLUDED.schedule_key
RETURNING occurrence_at`,
);

/**
 * Locks a schedule unless it was removed or written since. Parameters: queue, key, revision. FOR SHARE: a removal or a change waits
 * for the submit that goes by the row, or the row is not found.
 */
export const lockSchedule = (cronSchema: string): Statement<{ key: string }> =>
  statement(
    'lock_schedule',
    `
SELECT s.key
FROM "${cronSchema}" .schedule s
WHERE s.name = $1 AND s.key = $2 AND s.updated_on::text = $3
FOR SHARE`,
  );

/** Whether the task of the schedule's last submit is still going on. Parameter: key. Under the lock of its state. */
export const findRunningOccurrence = statement<{ task_id: string }>(
  'find_running_occurrence',
  `
SELECT t.task_id
FROM tasker.tasker_schedule_states s
JOIN tasker.tasker_tasks t ON t.task_id = s.task_id
WHERE s.schedule_key = $1 AND t.state IN ('pending', 'in_progress')`,
);

/** Parameters: key, the occurrence, outcome, task id (null: that of the last submit stays). */
export const recordOccurrence = statement(
  'record_occurrence',
  `
UPDATE tasker.tasker_schedule_states
SET occurrence_at = $2, outcome = $3, task_id = coalesce($4::bigint, task_id), error = NULL, failed_at = NULL
WHERE schedule_key = $1`,
);

/** Parameters: key, error. */
export const recordScheduleFailure = statement(
  'record_schedule_failure',
  `
INSERT INTO tasker.tasker_schedule_states (schedule_key, error, failed_at) VALUES ($1, $2, clock_timestamp())
ON CONFLICT (schedule_key) DO UPDATE SET error = EXCLUDED.error, failed_at = EXCLUDED.failed_at`,
);

/** Parameter: key. */
export const forgetSchedule = statement(
  'forget_schedule',
  `DELETE FROM tasker.tasker_schedule_states WHERE schedule_key = $1`,
);

export interface WorkflowVersionRow {
  named_task_id: number;
  namespace: string;
  name: string;
  version: string;
  /** A worker that lives and does not drain has handlers for it. */
  served: boolean;
}

/** The registered versions of workflows. Parameters (arrays, one entry per workflow): namespaces, names. */
export const findWorkflowVersions = statement<WorkflowVersionRow>(
  'find_workflow_versions',
  `
SELECT t.named_task_id, n.name AS namespace, t.name, t.version, EXISTS (
    SELECT FROM tasker.tasker_worker_workflows s
    JOIN tasker.tasker_workers w ON w.worker_id = s.worker_id
    WHERE s.named_task_id = t.named_task_id AND w.role = 'worker' AND w.stopped_at IS NULL AND NOT w.draining
      AND w.lease_expires_at > clock_timestamp()
  ) AS served
FROM unnest($1::text[], $2::text[]) AS i (namespace, name)
JOIN tasker.tasker_task_namespaces n ON n.name = i.namespace
JOIN tasker.tasker_named_tasks t ON t.task_namespace_id = n.task_namespace_id AND t.name = i.name`,
);

export const databaseNow = statement<{ now: Date }>('database_now', `SELECT clock_timestamp() AS now`);
