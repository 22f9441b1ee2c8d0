import { defineStatement } from '../../statement.ts';

/** A path of the inputs of a workflow by which its tasks are found at once. */
export interface SearchPathRow {
  path_id: number;
  namespace: string;
  workflow: string;
  path: string;
  enabled_at: Date;
  enabled_by: string;
}

const COLUMNS = 'path_id, namespace, workflow, path, enabled_at, enabled_by';

/**
 * Waits for a scheduler that is entering a stretch, which does not know the path yet, and holds back the next one to the end of the
 * transaction: some hundred milliseconds. Whoever enables two paths at once does so one after the other.
 */
export const lockDirectoryForPaths = defineStatement()({
  name: 'lock_directory_for_paths',
  text: `SELECT FROM tasker.tasker_directory d FOR NO KEY UPDATE`,
});

/** Whether a version of the workflow is registered, whether it has the path, and how many paths there are. */
export const findRoomForPath = defineStatement<{
  known: boolean;
  enabled: boolean;
  of_workflow: number;
  of_all: number;
}>()({
  name: 'find_room_for_path',
  params: { namespace: 'text', workflow: 'text', path: 'text' },
  text: `
SELECT EXISTS (
    SELECT FROM tasker.tasker_named_tasks k
    JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
    WHERE n.name = :namespace::text AND k.name = :workflow::text
  ) AS known,
  EXISTS (
    SELECT FROM tasker.tasker_search_paths p
    WHERE p.namespace = :namespace::text AND p.workflow = :workflow::text AND p.path = :path::text
  ) AS enabled,
  (SELECT count(*)::integer FROM tasker.tasker_search_paths p WHERE p.namespace = :namespace::text AND p.workflow = :workflow::text) AS of_workflow,
  (SELECT count(*)::integer FROM tasker.tasker_search_paths) AS of_all`,
});

/** Later than every stretch that was entered without it, also if a clock was set back. Under the lock of `lockDirectoryForPaths`. */
export const insertSearchPath = defineStatement<SearchPathRow>()({
  name: 'insert_search_path',
  params: { namespace: 'text', workflow: 'text', path: 'text', json_path: 'text', enabled_by: 'text' },
  text: `
INSERT INTO tasker.tasker_search_paths (namespace, workflow, path, json_path, enabled_at, enabled_by)
VALUES (:namespace, :workflow, :path, (:json_path::text)::jsonpath,
  greatest(clock_timestamp(), (SELECT max(s.entered_at) + interval '1 microsecond' FROM tasker.tasker_directory_stretches s)), :enabled_by)
RETURNING ${COLUMNS}`,
});

/** What is entered for it is dropped by the schedulers when they compare its stretches. */
export const deleteSearchPath = defineStatement<SearchPathRow>()({
  name: 'delete_search_path',
  params: { namespace: 'text', workflow: 'text', path: 'text' },
  text: `
DELETE FROM tasker.tasker_search_paths
WHERE namespace = :namespace::text AND workflow = :workflow::text AND path = :path::text
RETURNING ${COLUMNS}`,
});
