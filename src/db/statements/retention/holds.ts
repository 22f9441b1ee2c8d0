import { defineStatement, rows } from '../../statement.ts';
import { hasTask } from '../archive/records.ts';
import { holdsOf } from '../rules/retention.ts';

/** A hold, and a task that it is about. */
export interface HeldRow {
  task_id: string;
  hold_id: string;
  /** The tag that is held; null: the task itself is. */
  tag: string | null;
  reason: string;
}

export interface HoldRow {
  hold_id: string;
  task_id: string | null;
  tag: string | null;
  reason: string;
  created_by: string;
  created_at: Date;
}

const HOLDS_KEY = `hashtext('tasker.holds')`;

/**
 * Held by a transaction that removes tasks, to its end, taken before it reads the holds. A hold that is set meanwhile waits until the tasks
 * are gone, and one that is set before is seen. Any number of transactions may remove tasks side by side.
 */
export const lockHolds = defineStatement()({
  name: 'lock_holds',
  text: `SELECT pg_advisory_xact_lock_shared(${HOLDS_KEY})`,
});

/** Held by a transaction that sets a hold, to its end: no task is being removed then. */
export const lockHoldsToAdd = defineStatement()({
  name: 'lock_holds_to_add',
  text: `SELECT pg_advisory_xact_lock(${HOLDS_KEY})`,
});

/** Sets a hold. No row: there is no task with this id, neither in the tables nor in the archive. */
export const addHold = defineStatement<HoldRow>()({
  name: 'add_hold',
  params: { task_id: 'bigint | null', tag: 'text | null', reason: 'text', created_by: 'text' },
  text: `
INSERT INTO tasker.tasker_holds (task_id, tag, reason, created_by)
SELECT :task_id::bigint, :tag::text, :reason::text, :created_by::text
WHERE :tag::text IS NOT NULL OR EXISTS (SELECT FROM tasker.tasker_tasks t WHERE t.task_id = :task_id::bigint)
  OR EXISTS (SELECT FROM tasker.tasker_archives a WHERE ${hasTask(':task_id::bigint')})
RETURNING hold_id, task_id, tag, reason, created_by, created_at`,
});

export const removeHold = defineStatement<HoldRow>()({
  name: 'remove_hold',
  params: { hold_id: 'bigint' },
  text: `DELETE FROM tasker.tasker_holds WHERE hold_id = :hold_id RETURNING hold_id, task_id, tag, reason, created_by, created_at`,
});

/** A page of the holds, the latest first; `below`: null, or the last id of the page before. */
export const listHolds = defineStatement<HoldRow>()({
  name: 'list_holds',
  params: { below: 'bigint | null', limit: 'integer' },
  text: `
SELECT h.hold_id, h.task_id, h.tag, h.reason, h.created_by, h.created_at
FROM tasker.tasker_holds h
WHERE h.hold_id < coalesce(:below::bigint, 9223372036854775807)
ORDER BY h.hold_id DESC
LIMIT :limit`,
});

/** Those of these tasks that are held, each with its first hold. */
export const findHeldTasks = defineStatement<HeldRow>()({
  name: 'find_held_tasks',
  params: { task_ids: 'bigint[]' },
  text: `
SELECT t.task_id, h.hold_id, h.tag, h.reason
FROM tasker.tasker_tasks t
CROSS JOIN LATERAL (SELECT own.* FROM (${holdsOf('t')}) own ORDER BY own.hold_id LIMIT 1) h
WHERE t.task_id = ANY (:task_ids::bigint[])
ORDER BY t.task_id`,
});

/** As `findHeldTasks`, of tasks that are no longer in the tables: their ids and tags are given. `tags`: a JSON array, or null. */
export const heldAmong = defineStatement<HeldRow>()({
  name: 'held_among',
  params: { tasks: rows({ task_id: 'bigint', tags: 'jsonb | null' }) },
  text: `
SELECT t.task_id, h.hold_id, h.tag, h.reason
FROM :tasks AS t
CROSS JOIN LATERAL (SELECT own.* FROM (${holdsOf('t')}) own ORDER BY own.hold_id LIMIT 1) h
ORDER BY t.task_id`,
});
