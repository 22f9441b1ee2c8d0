import { PROBES } from './probes.ts';
import { defineStatement } from '../../statement.ts';

/** The record of an object, as lists and searches return it. */
export interface ArchiveRow {
  archive_id: string;
  object: string;
  format: number;
  tasks: number;
  steps: number;
  edges: number;
  transitions: number;
  erased_tasks: number;
  /** Tasks of it that were restored. */
  restored_tasks: number;
  lowest_task_id: string;
  highest_task_id: string;
  requested_since: Date;
  requested_until: Date;
  ended_until: Date;
  bytes: string;
  sha256: string;
  stored_at: Date;
}

const COLUMNS = `a.archive_id, a.object, a.format, a.tasks, a.steps, a.edges, a.transitions, a.erased_tasks, (
    SELECT count(*)::integer FROM tasker.tasker_archive_restores r WHERE r.archive_id = a.archive_id) AS restored_tasks,
  a.lowest_task_id, a.highest_task_id, a.requested_since, a.requested_until, a.ended_until, a.bytes, a.sha256, a.stored_at`;

/**
 * SQL condition: the object of the record `a` has this task. CASE, because get_bit fails for what is out of range, and the order of
 * conditions is the planner's.
 */
export const hasTask = (
  taskId: string,
): string => `a.state = 'stored' AND a.lowest_task_id <= ${taskId} AND a.highest_task_id >= ${taskId}
  AND CASE
    WHEN a.member_ids IS NOT NULL THEN ${taskId} = ANY (a.member_ids)
    WHEN a.lowest_task_id <= ${taskId} AND a.highest_task_id >= ${taskId}
      THEN get_bit(a.members, (${taskId} - a.lowest_task_id)::integer) = 1 END`;

/**
 * Announces an object of this name, before it is written: whatever becomes of the writer, the object is known. One writer for new batches,
 * one for each object that is replaced: no row if there is one already.
 */
export const beginArchive = defineStatement<{ archive_id: string }>()({
  name: 'begin_archive',
  params: { object: 'text', replaces: 'bigint | null' },
  text: `
INSERT INTO tasker.tasker_archives (object, replaces)
VALUES (:object, :replaces::bigint)
ON CONFLICT DO NOTHING
RETURNING archive_id`,
});

/** The writer lives. No row: another process holds it for dead. */
export const touchArchive = defineStatement<{ archive_id: string }>()({
  name: 'touch_archive',
  params: { archive_id: 'bigint' },
  text: `
UPDATE tasker.tasker_archives SET touched_at = clock_timestamp()
WHERE archive_id = :archive_id AND state = 'writing'
RETURNING archive_id`,
});

/** The object counts from the commit on. No row: the writer was held for dead, and the object may be gone. */
export const storeArchive = defineStatement<{ archive_id: string }>()({
  name: 'store_archive',
  params: {
    archive_id: 'bigint',
    format: 'integer',
    tasks: 'integer',
    steps: 'integer',
    edges: 'integer',
    transitions: 'integer',
    erased_tasks: 'integer',
    lowest_task_id: 'bigint',
    highest_task_id: 'bigint',
    requested_since: 'timestamptz',
    requested_until: 'timestamptz',
    ended_until: 'timestamptz',
    bytes: 'bigint',
    sha256: 'text',
    members: 'text | null',
    member_ids: 'bigint[] | null',
    keys: 'text',
  },
  text: `
UPDATE tasker.tasker_archives
SET state = 'stored', replaces = NULL, stored_at = clock_timestamp(), format = :format, tasks = :tasks, steps = :steps, edges = :edges,
  transitions = :transitions, erased_tasks = :erased_tasks, lowest_task_id = :lowest_task_id, highest_task_id = :highest_task_id,
  requested_since = :requested_since, requested_until = :requested_until, ended_until = :ended_until, bytes = :bytes,
  sha256 = :sha256, members = decode(:members, 'base64'), member_ids = :member_ids, keys = decode(:keys, 'base64')
WHERE archive_id = :archive_id AND state = 'writing'
RETURNING archive_id`,
});

/** The record is not one any more, and the object may go: `discarded` objects are removed from the store, then their rows. */
export const discardArchive = defineStatement<{ archive_id: string }>()({
  name: 'discard_archive',
  params: { archive_id: 'bigint', state: 'text' },
  text: `
WITH restores AS (
  DELETE FROM tasker.tasker_archive_restores WHERE archive_id = :archive_id
)
UPDATE tasker.tasker_archives SET state = 'discarded'
WHERE archive_id = :archive_id AND state = :state
RETURNING archive_id`,
});

/** Writers that died: their rows become discarded ones. */
export const discardDeadWriters = defineStatement<{ archive_id: string }>()({
  name: 'discard_dead_writers',
  params: { silent_seconds: 'integer' },
  text: `
UPDATE tasker.tasker_archives SET state = 'discarded'
WHERE state = 'writing' AND touched_at < clock_timestamp() - make_interval(secs => :silent_seconds)
RETURNING archive_id`,
});

export const listDiscarded = defineStatement<{ archive_id: string; object: string }>()({
  name: 'list_discarded',
  text: `SELECT a.archive_id, a.object FROM tasker.tasker_archives a WHERE a.state = 'discarded' ORDER BY a.archive_id LIMIT 1000`,
});

export const forgetArchive = defineStatement()({
  name: 'forget_archive',
  params: { archive_id: 'bigint' },
  text: `DELETE FROM tasker.tasker_archives WHERE archive_id = :archive_id AND state = 'discarded'`,
});

/** A page of records, the newest first, of those that have tasks from a time or of a range of ids. */
export const listArchives = defineStatement<ArchiveRow>()({
  name: 'list_archives',
  params: {
    below: 'bigint | null',
    requested_since: 'timestamptz | null',
    requested_before: 'timestamptz | null',
    limit: 'integer',
  },
  text: `
SELECT ${COLUMNS}
FROM tasker.tasker_archives a
WHERE a.state = 'stored' AND (:below::bigint IS NULL OR a.archive_id < :below::bigint)
  AND (:requested_since::timestamptz IS NULL OR a.requested_until >= :requested_since::timestamptz)
  AND (:requested_before::timestamptz IS NULL OR a.requested_since < :requested_before::timestamptz)
ORDER BY a.archive_id DESC
LIMIT :limit`,
});

/**
 * The record whose object has this task: the bit of its id is set, and it was not restored from there. They are found first, by the index of
 * ids: for the newest of them alone, the planner walks the key backwards, through half of all records for a task of medium age.
 */
export const findArchiveOfTask = defineStatement<ArchiveRow>()({
  name: 'find_archive_of_task',
  params: { task_id: 'bigint' },
  text: `
WITH holding AS MATERIALIZED (
  SELECT ${COLUMNS}
  FROM tasker.tasker_archives a
  WHERE ${hasTask(':task_id::bigint')}
    AND NOT EXISTS (SELECT FROM tasker.tasker_archive_restores r WHERE r.archive_id = a.archive_id AND r.task_id = :task_id::bigint)
)
SELECT h.*
FROM holding h
ORDER BY h.archive_id DESC
LIMIT 1`,
});

/** As findArchiveOfTask, also objects from which the task was restored: every copy of it. */
export const findCopiesOfTask = defineStatement<ArchiveRow>()({
  name: 'find_copies_of_task',
  params: { task_id: 'bigint' },
  text: `
SELECT ${COLUMNS}
FROM tasker.tasker_archives a
WHERE ${hasTask(':task_id::bigint')}
ORDER BY a.archive_id DESC`,
});

/** Records whose objects may have a key (an identity or a tag), from an id down: see src/archive/key-filter.ts. */
export const findArchivesOfKey = defineStatement<ArchiveRow>()({
  name: 'find_archives_of_key',
  params: { a: 'bigint', b: 'bigint', below: 'bigint | null', limit: 'integer' },
  text: `
SELECT ${COLUMNS}
FROM tasker.tasker_archives a
WHERE a.state = 'stored' AND (:below::bigint IS NULL OR a.archive_id < :below::bigint) AND (
  SELECT bool_and(get_bit(a.keys, ((:a::bigint + p * :b::bigint) % (length(a.keys) * 8))::integer) = 1)
  FROM generate_series(0, ${PROBES - 1}) p)
ORDER BY a.archive_id DESC
LIMIT :limit`,
});

/** Keeps a record from being discarded or replaced until the end of the transaction. No row: it is no record any more. */
export const lockArchive = defineStatement<{ archive_id: string }>()({
  name: 'lock_archive',
  params: { archive_id: 'bigint' },
  text: `SELECT a.archive_id FROM tasker.tasker_archives a WHERE a.archive_id = :archive_id AND a.state = 'stored' FOR UPDATE`,
});

/** Records all of whose tasks had ended before a time. */
export const findExpiredArchives = defineStatement<ArchiveRow>()({
  name: 'find_expired_archives',
  params: { keep_seconds: 'float8' },
  text: `
SELECT ${COLUMNS}
FROM tasker.tasker_archives a
WHERE a.state = 'stored' AND a.ended_until < clock_timestamp() - make_interval(secs => :keep_seconds::float8)
ORDER BY a.archive_id
LIMIT 1000`,
});

/** Sums for the metrics. */
export const archiveTotals = defineStatement<{
  objects: string;
  tasks: string;
  bytes: string;
  discarded: string;
  last_stored_at: Date | null;
}>()({
  name: 'archive_totals',
  text: `
SELECT count(*) FILTER (WHERE a.state = 'stored') AS objects, coalesce(sum(a.tasks), 0) AS tasks, coalesce(sum(a.bytes), 0) AS bytes,
  count(*) FILTER (WHERE a.state = 'discarded') AS discarded, max(a.stored_at) AS last_stored_at
FROM tasker.tasker_archives a`,
});

/** Tasks of a stored record that are in the tables although they were not restored: none, if all is well. */
export const DOUBLED = `
SELECT t.task_id, a.archive_id, a.object
FROM tasker.tasker_archives a
JOIN tasker.tasker_tasks t ON ${hasTask('t.task_id')}
WHERE NOT EXISTS (SELECT FROM tasker.tasker_archive_restores r WHERE r.archive_id = a.archive_id AND r.task_id = t.task_id)`;

export const findDoubledTasks = defineStatement<{ task_id: string; archive_id: string; object: string }>()({
  name: 'find_doubled_tasks',
  text: `${DOUBLED}
LIMIT 1000`,
});

/** Which objects are known, whatever their state. */
export const findKnownObjects = defineStatement<{ object: string }>()({
  name: 'find_known_objects',
  params: { objects: 'text[]' },
  text: `SELECT a.object FROM tasker.tasker_archives a WHERE a.object = ANY (:objects::text[])`,
});

/** Those of these tasks that are somewhere: in the tables, or in the object of a record. */
export const findElsewhere = defineStatement<{ task_id: string }>()({
  name: 'find_elsewhere',
  params: { task_ids: 'bigint[]' },
  text: `
SELECT i.task_id
FROM unnest(:task_ids::bigint[]) AS i (task_id)
WHERE EXISTS (SELECT FROM tasker.tasker_tasks t WHERE t.task_id = i.task_id)
  OR EXISTS (
    SELECT FROM tasker.tasker_archives a
    WHERE ${hasTask('i.task_id')}
      AND NOT EXISTS (SELECT FROM tasker.tasker_archive_restores r WHERE r.archive_id = a.archive_id AND r.task_id = i.task_id))`,
});

/** What was restored of an object stays so for the one that replaces it. */
export const moveRestores = defineStatement()({
  name: 'move_restores',
  params: { archive_id: 'bigint', replaced: 'bigint', erased: 'bigint[]' },
  text: `
UPDATE tasker.tasker_archive_restores SET archive_id = :archive_id
WHERE archive_id = :replaced AND task_id <> ALL (:erased::bigint[])`,
});

/** Tasks of a record that were restored. */
export const findRestored = defineStatement<{ task_id: string }>()({
  name: 'find_restored',
  params: { archive_id: 'bigint' },
  text: `SELECT r.task_id FROM tasker.tasker_archive_restores r WHERE r.archive_id = :archive_id ORDER BY r.task_id`,
});

/** Objects that are being written, or are to be removed. */
export const listUnfinished = defineStatement<{ object: string; state: string; touched_at: Date }>()({
  name: 'list_unfinished',
  text: `
SELECT a.object, a.state, a.touched_at
FROM tasker.tasker_archives a
WHERE a.state <> 'stored'
ORDER BY a.archive_id
LIMIT 1000`,
});
