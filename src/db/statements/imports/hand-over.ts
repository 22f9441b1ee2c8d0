import { defineStatement } from '../../statement.ts';

/**
 * Statements that take an open task from Tasker (Ruby) while it runs, in the transaction that writes the task here. The order of the two
 * locks matters: its start of a task updates the most recent transition and then, through a foreign key, locks the row of the task.
 */

export const lockSourceNewest = defineStatement()({
  name: 'lock_source_newest',
  params: { task_id: 'bigint' },
  text: `
SELECT FROM tasker.tasker_task_transitions x
WHERE x.task_id = :task_id AND x.most_recent
FOR UPDATE`,
});

/** Also keeps a first transition from being added: its foreign key needs this row. */
export const lockSourceTask = defineStatement()({
  name: 'lock_source_task',
  params: { task_id: 'bigint' },
  text: `SELECT FROM tasker.tasker_tasks t WHERE t.task_id = :task_id FOR UPDATE`,
});

/** Ends the task there. Its unique index allows one most recent row at every moment, so the flip is a statement of its own. */
export const flipSourceNewest = defineStatement()({
  name: 'flip_source_newest',
  params: { task_id: 'bigint' },
  text: `
UPDATE tasker.tasker_task_transitions x
SET most_recent = false
WHERE x.task_id = :task_id AND x.most_recent`,
});

export const cancelInSource = defineStatement()({
  name: 'cancel_in_source',
  params: { task_id: 'bigint', metadata: 'jsonb', time_zone: 'text' },
  text: `
INSERT INTO tasker.tasker_task_transitions (task_id, to_state, sort_key, most_recent, metadata, created_at, updated_at)
SELECT :task_id::bigint, 'cancelled',
  coalesce((SELECT max(x.sort_key) FROM tasker.tasker_task_transitions x WHERE x.task_id = :task_id::bigint), 0) + 10,
  true, :metadata::jsonb, clock_timestamp() AT TIME ZONE :time_zone::text, clock_timestamp() AT TIME ZONE :time_zone::text`,
});

/** Of releases before 2.0, whose states are columns. */
export const cancelStatusInSource = defineStatement()({
  name: 'cancel_status_in_source',
  params: { task_id: 'bigint' },
  text: `UPDATE tasker.tasker_tasks SET status = 'cancelled' WHERE task_id = :task_id`,
});

/** Takes the row of the hand-over back; returns it if it was still the most recent one. */
export const deleteHandOver = defineStatement<{ id: string }>()({
  name: 'delete_hand_over',
  params: { task_id: 'bigint' },
  text: `
DELETE FROM tasker.tasker_task_transitions x
WHERE x.task_id = :task_id AND x.most_recent AND x.to_state = 'cancelled' AND x.metadata ? 'adopted_by'
RETURNING x.id`,
});

export const restoreSourceNewest = defineStatement()({
  name: 'restore_source_newest',
  params: { task_id: 'bigint' },
  text: `
UPDATE tasker.tasker_task_transitions x
SET most_recent = true
WHERE x.task_id = :task_id
  AND x.sort_key = (SELECT max(y.sort_key) FROM tasker.tasker_task_transitions y WHERE y.task_id = :task_id)`,
});

export const restoreSourceStatus = defineStatement()({
  name: 'restore_source_status',
  params: { task_id: 'bigint', status: 'text' },
  text: `UPDATE tasker.tasker_tasks SET status = :status WHERE task_id = :task_id AND status = 'cancelled'`,
});
