import { defineStatement, rows } from '../../statement.ts';

export const beginImport = defineStatement<{ import_id: string }>()({
  name: 'begin_import',
  params: { source: 'text', release: 'text', options: 'jsonb' },
  text: `
INSERT INTO tasker.tasker_imports (source, release, options) VALUES (:source, :release, :options::jsonb)
RETURNING import_id`,
});

export const endImport = defineStatement()({
  name: 'end_import',
  params: { import_id: 'uuid', counts: 'jsonb' },
  text: `
UPDATE tasker.tasker_imports SET counts = :counts::jsonb, ended_at = clock_timestamp() WHERE import_id = :import_id`,
});

/** Which of these tasks are here already, or were purged here. */
export const findImported = defineStatement<{ source_task_id: string }>()({
  name: 'find_imported',
  params: { source: 'text', task_ids: 'bigint[]' },
  text: `
SELECT b.source_task_id
FROM tasker.tasker_imported_tasks b
WHERE b.source = :source AND b.source_task_id = ANY (:task_ids::bigint[]) AND (b.task_id IS NOT NULL OR b.reason = 'purged')`,
});

/** A task that was left out before may be imported now, and the other way round; one that was imported stays so. */
export const recordImported = defineStatement()({
  name: 'record_imported',
  params: {
    source: 'text',
    import_id: 'uuid',
    tasks: rows({
      source_task_id: 'bigint',
      phase: 'text',
      task_id: 'bigint | null',
      reason: 'text | null',
      details: 'jsonb',
    }),
  },
  text: `
INSERT INTO tasker.tasker_imported_tasks AS b (source, source_task_id, import_id, phase, task_id, reason, details)
SELECT :source::text, i.source_task_id, :import_id::uuid, i.phase, i.task_id, i.reason, i.details
FROM :tasks AS i
ON CONFLICT (source, source_task_id) DO UPDATE
SET import_id = EXCLUDED.import_id,
    phase = EXCLUDED.phase,
    task_id = EXCLUDED.task_id,
    reason = EXCLUDED.reason,
    details = EXCLUDED.details,
    recorded_at = clock_timestamp()
WHERE b.task_id IS NULL`,
});

export interface ImportedTaskRow {
  source_task_id: string;
  task_id: string;
  phase: 'ended' | 'open';
  details: { sort_keys?: string; status?: string; edges_left_out?: readonly object[]; without_steps?: boolean };
}

/** A page of the tasks that came from this source. */
export const pageOfImported = defineStatement<ImportedTaskRow>()({
  name: 'page_of_imported',
  params: { source: 'text', after: 'bigint', task_ids: 'bigint[] | null', page: 'integer' },
  text: `
SELECT b.source_task_id, b.task_id, b.phase, b.details
FROM tasker.tasker_imported_tasks b
WHERE b.source = :source AND b.source_task_id > :after AND b.task_id IS NOT NULL
  AND (:task_ids::bigint[] IS NULL OR b.source_task_id = ANY (:task_ids::bigint[]))
ORDER BY b.source_task_id
LIMIT :page`,
});

/** Locks in the order of all statements, steps by key and then tasks; a worker that has a step is not waited for. */
export const lockImportedSteps = defineStatement()({
  name: 'lock_imported_steps',
  params: { task_ids: 'bigint[]' },
  text: `
SELECT FROM tasker.tasker_workflow_steps s
WHERE s.task_id = ANY (:task_ids::bigint[])
ORDER BY s.task_id, s.workflow_step_id
FOR UPDATE`,
});

/** The sort keys of a task and its steps: they rise with every change. */
const SORT_KEYS = `t.sort_key || ':' || coalesce((
  SELECT sum(s.sort_key) FROM tasker.tasker_workflow_steps s WHERE s.task_id = t.task_id), 0)`;

export const readSortKeys = defineStatement<{ task_id: string; sort_keys: string }>()({
  name: 'read_sort_keys',
  params: { task_ids: 'bigint[]' },
  text: `
SELECT t.task_id, ${SORT_KEYS} AS sort_keys
FROM tasker.tasker_tasks t
WHERE t.task_id = ANY (:task_ids::bigint[])`,
});

/** Removes imported tasks with everything that belongs to them. */
export const deleteImportedTasks = defineStatement()({
  name: 'delete_imported_tasks',
  params: { source: 'text', task_ids: 'bigint[]' },
  text: `
WITH step_history AS (
  DELETE FROM tasker.tasker_workflow_step_transitions WHERE task_id = ANY (:task_ids::bigint[])
), task_history AS (
  DELETE FROM tasker.tasker_task_transitions WHERE task_id = ANY (:task_ids::bigint[])
), edges AS (
  DELETE FROM tasker.tasker_workflow_step_edges WHERE task_id = ANY (:task_ids::bigint[])
), steps AS (
  DELETE FROM tasker.tasker_workflow_steps WHERE task_id = ANY (:task_ids::bigint[])
), identities AS (
  DELETE FROM tasker.tasker_identities WHERE task_id = ANY (:task_ids::bigint[])
), books AS (
  DELETE FROM tasker.tasker_imported_tasks WHERE source = :source AND task_id = ANY (:task_ids::bigint[])
)
DELETE FROM tasker.tasker_tasks WHERE task_id = ANY (:task_ids::bigint[])`,
});
