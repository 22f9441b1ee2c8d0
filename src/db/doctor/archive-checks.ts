import { DOUBLED } from '../statements/archive/records.ts';
import { isLive } from '../statements/rules/live-process.ts';
import type { Check } from './check.ts';

/** Restores of which no record knows. */
export const RESTORES_OF_NOTHING = `
SELECT r.archive_id, r.task_id FROM tasker.tasker_archive_restores r
WHERE NOT EXISTS (SELECT FROM tasker.tasker_archives a WHERE a.archive_id = r.archive_id AND a.state = 'stored')`;

/** Records whose ids are not those of their range. */
export const BROKEN_RECORDS = `
SELECT a.archive_id, a.object FROM tasker.tasker_archives a
WHERE a.state = 'stored' AND (CASE
  WHEN a.lowest_task_id > a.highest_task_id OR length(a.keys) < 8 THEN true
  WHEN a.member_ids IS NOT NULL THEN cardinality(a.member_ids) <> a.tasks
  WHEN length(a.members) <> (a.highest_task_id - a.lowest_task_id) / 8 + 1 THEN true
  ELSE get_bit(a.members, 0) = 0 OR get_bit(a.members, (a.highest_task_id - a.lowest_task_id)::integer) = 0 END)`;

/** Invariants of the archive's records. `tasker archive verify` compares them with the objects. */
export const archiveChecks: Check[] = [
  {
    id: 'archived_task_is_gone',
    title: 'a task that a record of the archive has is not in the tables, unless it was restored',
    why: 'It is there twice: the next object that takes it doubles it, and a purge has to find both. The task in the tables is the one that counts.',
    sql: DOUBLED,
  },
  {
    id: 'archive_record_agrees',
    title: 'a record of the archive has the ids of its tasks, from the lowest to the highest',
    why: 'Tasks of this object are not found. The object has all that the record needs.',
    sql: BROKEN_RECORDS,
  },
  {
    id: 'restored_task_has_a_record',
    title: 'a restore is of an object that has a record',
    why: 'The object is gone, so the copy that it excludes is gone, too. No task is affected.',
    sql: RESTORES_OF_NOTHING,
  },
  {
    id: 'schedulers_have_one_archive',
    title: 'all live schedulers have the same archive, or none',
    why: 'Each removes tasks by its own settings: into another archive, in which they are not found, or for good. Give all of them the same TASKER_ARCHIVE_URL, TASKER_ARCHIVE_ENDPOINT and TASKER_ARCHIVE_REGION; archive is a hash of these, empty: none. While they are restarted one by one, two are there for a moment.',
    sql: `SELECT k.worker_id, k.name, k.archive FROM tasker.tasker_workers k
      WHERE k.role = 'scheduler' AND ${isLive('k')} AND EXISTS (
        SELECT FROM tasker.tasker_workers o
        WHERE o.role = 'scheduler' AND ${isLive('o')} AND o.archive IS DISTINCT FROM k.archive)`,
  },
];
