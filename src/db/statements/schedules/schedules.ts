import { defineStatement, rows } from '../../statement.ts';
import { isLive } from '../rules/live-process.ts';
import { microseconds } from '../rules/microseconds.ts';

/*
 * Schedules are rows of pg-boss (`<cron schema>.schedule`); the decisions about their occurrences are in tasker_schedule_states.
 * The space before the dot protects the name of the cron schema: only `tasker.` without a space is replaced by the fleet's schema.
 */

/**
 * Whether there are schedules in a queue of pg-boss, and the database's time. Needs no pg-boss, so that a fleet without schedules
 * need not run it.
 */
export const findSchedules = (cronSchema: string) =>
  defineStatement<{ now: Date; found: boolean }>()({
    name: 'find_schedules',
    params: { queue: 'text' },
    text: `SELECT clock_timestamp() AS now, EXISTS (SELECT FROM "${cronSchema}" .schedule s WHERE s.name = :queue) AS found`,
  });

export interface ScheduleRow {
  key: string;
  cron: string;
  timezone: string;
  data: unknown;
  /** Changes with each write of the row. */
  revision: string;
  /** Changes with each write of the row, and with each pause and its end; digits and a dot, whatever the time zone of the session is. */
  edition: string;
  updated_at: Date;
  now: Date;
  /** The newest occurrence that was decided, and how; null: none yet. */
  occurrence_at: Date | null;
  outcome: 'submitted' | 'skipped' | null;
  task_id: string | null;
  /** Of the last attempt, if it failed. */
  error: string | null;
  failed_at: Date | null;
  paused_at: Date | null;
  pause_reason: string | null;
  /** Occurrences before this time are not due: the schedule was paused until then. */
  resumed_at: Date | null;
}

/** The schedules of a queue (or one, if `key` is given) with their last decision, in the order of their keys. */
export const listSchedules = (cronSchema: string) =>
  defineStatement<ScheduleRow>()({
    name: 'list_schedules',
    params: { queue: 'text', key: 'text | null' },
    text: `
SELECT s.key, s.cron, coalesce(s.timezone, 'UTC') AS timezone, s.data, s.updated_on::text AS revision,
  ${microseconds('s.updated_on')}::text || coalesce('.' || ${microseconds('t.paused_at')}::text, '') AS edition, s.updated_on AS updated_at, clock_timestamp() AS now, t.occurrence_at, t.outcome, t.task_id, t.error, t.failed_at,
  t.paused_at, t.pause_reason, t.resumed_at
FROM "${cronSchema}" .schedule s
LEFT JOIN tasker.tasker_schedule_states t ON t.schedule_key = s.key
WHERE s.name = :queue AND (:key::text IS NULL OR s.key = :key)
ORDER BY s.key`,
  });

/** Whether the tables of pg-boss exist. */
export const hasSchedules = defineStatement<{ found: boolean }>()({
  name: 'has_schedules',
  params: { cron_schema: 'text' },
  text: `SELECT to_regclass(format('%I.schedule', :cron_schema::text)) IS NOT NULL AS found`,
});

/**
 * Locks the state of a schedule to the end of the transaction, and inserts it if it is missing: whoever decides the next occurrence
 * sees what was decided before. This lock is taken before that of the schedule's own row.
 */
export const lockScheduleState = defineStatement<Pick<ScheduleRow, 'occurrence_at' | 'paused_at' | 'resumed_at'>>()({
  name: 'lock_schedule_state',
  params: { key: 'text' },
  text: `
INSERT INTO tasker.tasker_schedule_states (schedule_key) VALUES (:key)
ON CONFLICT (schedule_key) DO UPDATE SET schedule_key = EXCLUDED.schedule_key
RETURNING occurrence_at, paused_at, resumed_at`,
});

/**
 * Locks a schedule unless it was removed or written since. FOR SHARE: a removal or a change waits for the submit that uses the row;
 * one that was sooner makes the row not found.
 */
export const lockSchedule = (cronSchema: string) =>
  defineStatement<{ key: string }>()({
    name: 'lock_schedule',
    params: { queue: 'text', key: 'text', revision: 'text' },
    text: `
SELECT s.key
FROM "${cronSchema}" .schedule s
WHERE s.name = :queue AND s.key = :key AND s.updated_on::text = :revision
FOR SHARE`,
  });

/** The task of the schedule's last submit, if it still runs. Under the lock of the schedule's state. */
export const findRunningOccurrence = defineStatement<{ task_id: string }>()({
  name: 'find_running_occurrence',
  params: { key: 'text' },
  text: `
SELECT t.task_id
FROM tasker.tasker_schedule_states s
JOIN tasker.tasker_tasks t ON t.task_id = s.task_id
WHERE s.schedule_key = :key AND t.state IN ('pending', 'in_progress')`,
});

/**
 * Records a decision: also with the task (`schedule`, a StoredOccurrence), if this transaction created it. Without a task id (a skipped
 * occurrence) that of the last submit stays.
 */
export const recordOccurrence = defineStatement()({
  name: 'record_occurrence',
  params: {
    key: 'text',
    occurrence_at: 'timestamptz',
    outcome: 'text',
    task_id: 'bigint | null',
    schedule: 'jsonb | null',
  },
  text: `
WITH task AS (
  UPDATE tasker.tasker_tasks t SET schedule = :schedule::jsonb WHERE t.task_id = :task_id::bigint AND :schedule::jsonb IS NOT NULL
)
UPDATE tasker.tasker_schedule_states
SET occurrence_at = :occurrence_at, outcome = :outcome, task_id = coalesce(:task_id::bigint, task_id), error = NULL, failed_at = NULL
WHERE schedule_key = :key`,
});

export const recordScheduleFailure = defineStatement()({
  name: 'record_schedule_failure',
  params: { key: 'text', error: 'text' },
  text: `
INSERT INTO tasker.tasker_schedule_states (schedule_key, error, failed_at) VALUES (:key, :error, clock_timestamp())
ON CONFLICT (schedule_key) DO UPDATE SET error = EXCLUDED.error, failed_at = EXCLUDED.failed_at`,
});

/** A schedule that is paused already stays so since then. */
export const pauseSchedule = defineStatement()({
  name: 'pause_schedule',
  params: { key: 'text', reason: 'text | null' },
  text: `
INSERT INTO tasker.tasker_schedule_states AS s (schedule_key, paused_at, pause_reason) VALUES (:key, clock_timestamp(), :reason)
ON CONFLICT (schedule_key) DO UPDATE
SET paused_at = coalesce(s.paused_at, EXCLUDED.paused_at), pause_reason = coalesce(EXCLUDED.pause_reason, s.pause_reason)`,
});

/** Gives a task that an operator had submitted by a schedule the occurrence of that moment. */
export const recordTrigger = defineStatement()({
  name: 'record_trigger',
  params: { task_id: 'bigint', schedule: 'jsonb' },
  text: `UPDATE tasker.tasker_tasks SET schedule = :schedule::jsonb WHERE task_id = :task_id`,
});

/** Waits for a decision under way. Returns nothing if it was not paused. */
export const resumeSchedule = defineStatement<{ schedule_key: string }>()({
  name: 'resume_schedule',
  params: { key: 'text' },
  text: `
UPDATE tasker.tasker_schedule_states
SET paused_at = NULL, pause_reason = NULL, resumed_at = clock_timestamp()
WHERE schedule_key = :key AND paused_at IS NOT NULL
RETURNING schedule_key`,
});

export const forgetSchedule = defineStatement()({
  name: 'forget_schedule',
  params: { key: 'text' },
  text: `DELETE FROM tasker.tasker_schedule_states WHERE schedule_key = :key`,
});

export interface WorkflowVersionRow {
  named_task_id: number;
  namespace: string;
  name: string;
  version: string;
  /** A live worker that does not drain has handlers for it. */
  served: boolean;
}

/** The registered versions of workflows. */
export const findWorkflowVersions = defineStatement<WorkflowVersionRow>()({
  name: 'find_workflow_versions',
  params: { workflows: rows({ namespace: 'text', name: 'text' }) },
  text: `
SELECT t.named_task_id, n.name AS namespace, t.name, t.version, EXISTS (
    SELECT FROM tasker.tasker_worker_workflows s
    JOIN tasker.tasker_workers w ON w.worker_id = s.worker_id
    WHERE s.named_task_id = t.named_task_id AND w.role = 'worker' AND NOT w.draining AND ${isLive('w')}
  ) AS served
FROM :workflows AS i
JOIN tasker.tasker_task_namespaces n ON n.name = i.namespace
JOIN tasker.tasker_named_tasks t ON t.task_namespace_id = n.task_namespace_id AND t.name = i.name`,
});

export const databaseNow = defineStatement<{ now: Date }>()({
  name: 'database_now',
  text: `SELECT clock_timestamp() AS now`,
});
