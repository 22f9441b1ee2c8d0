import { endedAt } from './identity.ts';

/**
 * When may retention remove a task? When it has been in the state in which it ended (or in error) for as long as the policy of its
 * workflow says, and the run statistics have counted it. Tasks of Tasker (Ruby) may have no time of their end: theirs is that of the submit.
 */

/** When the task `task`, which is in a state that a policy can name, got there. */
export const inStateSince = (task: string): string => `coalesce(${endedAt(task)}, ${task}.requested_at)`;

/** When the task `task`, whose policy keeps it for `keepSeconds`, is due. Not before the time until which whoever restored it wanted it. */
export const dueAt = (task: string, keepSeconds: string): string => `greatest(
      ${inStateSince(task)} + make_interval(secs => ${keepSeconds}),
      (SELECT max(r.keep_until) FROM tasker.tasker_archive_restores r WHERE r.task_id = ${task}.task_id))`;

/**
 * Up to when the run statistics have counted: what ended later would be missing in them. NULL: they have not begun, and nothing may go.
 * One row.
 */
export const COUNTED_UNTIL = `(SELECT p.counted_until FROM tasker.tasker_run_stats_progress p)`;

/** Selects the holds on the task `task`: on itself, or on one of its tags. Two look-ups in small indexes. */
export const holdsOf = (task: string): string => `
    SELECT h.hold_id, h.task_id, h.tag, h.reason, h.created_by
    FROM tasker.tasker_holds h
    WHERE h.task_id = ${task}.task_id
    UNION ALL
    SELECT h.hold_id, h.task_id, h.tag, h.reason, h.created_by
    FROM jsonb_array_elements_text(CASE WHEN jsonb_typeof(${task}.tags) = 'array' THEN ${task}.tags ELSE '[]' END) AS own (tag)
    JOIN tasker.tasker_holds h ON h.tag = own.tag`;
