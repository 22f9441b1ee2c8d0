import { defineStatement } from '../../statement.ts';

/**
 * Those of these tasks that are the first of an identity which a task outside of them holds now. The first task has the identity
 * itself as its hash: without it, a submit would create a second first task while a later generation holds the identity. Other
 * generations have hashes that no submit asks for.
 */
export const findFirstOfIdentities = defineStatement<{ task_id: string; held_by: string }>()({
  name: 'find_first_of_identities',
  params: { task_ids: 'bigint[]' },
  text: `
SELECT own.task_id, l.task_id AS held_by
FROM tasker.tasker_identities own
CROSS JOIN LATERAL (
  SELECT later.task_id
  FROM tasker.tasker_identities later
  WHERE later.identity_hash = own.identity_hash AND later.generation > 1 AND later.task_id <> ALL (:task_ids::bigint[])
  ORDER BY later.generation DESC
  LIMIT 1
) l
WHERE own.task_id = ANY (:task_ids::bigint[]) AND own.generation = 1
ORDER BY own.task_id`,
});

/** Rows that a purge removed, by what they are. */
export interface PurgedRows {
  tasks: number;
  steps: number;
  edges: number;
  transitions: number;
}

/**
 * Removes tasks with all their rows; their open steps and their own rows are locked by the caller. A step that is running loses its
 * claim with its row: its worker's completion finds nothing, and the worker aborts it. Rows of tasker_claims stay, as after every lost
 * claim: their worker closes them, or recovery does. The books of imports keep the id that a task had in Tasker (Ruby), so that no
 * further import brings it back.
 */
export const purgeTasks = defineStatement<PurgedRows>()({
  name: 'purge_tasks',
  params: { task_ids: 'bigint[]' },
  text: `
WITH step_history AS (
  DELETE FROM tasker.tasker_workflow_step_transitions WHERE task_id = ANY (:task_ids::bigint[]) RETURNING 1
), task_history AS (
  DELETE FROM tasker.tasker_task_transitions WHERE task_id = ANY (:task_ids::bigint[]) RETURNING 1
), edges AS (
  DELETE FROM tasker.tasker_workflow_step_edges WHERE task_id = ANY (:task_ids::bigint[]) RETURNING 1
), steps AS (
  DELETE FROM tasker.tasker_workflow_steps WHERE task_id = ANY (:task_ids::bigint[]) RETURNING 1
), tasks AS (
  DELETE FROM tasker.tasker_tasks WHERE task_id = ANY (:task_ids::bigint[]) RETURNING 1
), identities AS (
  DELETE FROM tasker.tasker_identities WHERE task_id = ANY (:task_ids::bigint[])
), imported AS (
  UPDATE tasker.tasker_imported_tasks SET task_id = NULL, reason = 'purged', details = '{}' WHERE task_id = ANY (:task_ids::bigint[])
)
SELECT (SELECT count(*) FROM tasks)::integer AS tasks, (SELECT count(*) FROM steps)::integer AS steps,
  (SELECT count(*) FROM edges)::integer AS edges,
  ((SELECT count(*) FROM step_history) + (SELECT count(*) FROM task_history))::integer AS transitions`,
});

/** What `purgeTasks` would remove of tasks that the caller has locked. Reads their rows by the keys of each table. */
export const countPurged = defineStatement<PurgedRows>()({
  name: 'count_purged',
  params: { task_ids: 'bigint[]' },
  text: `
SELECT (SELECT count(*) FROM tasker.tasker_tasks t WHERE t.task_id = ANY (:task_ids::bigint[]))::integer AS tasks,
  (SELECT count(*) FROM tasker.tasker_workflow_steps s WHERE s.task_id = ANY (:task_ids::bigint[]))::integer AS steps,
  (SELECT count(*) FROM tasker.tasker_workflow_step_edges e WHERE e.task_id = ANY (:task_ids::bigint[]))::integer AS edges,
  ((SELECT count(*) FROM tasker.tasker_workflow_step_transitions x WHERE x.task_id = ANY (:task_ids::bigint[]))
    + (SELECT count(*) FROM tasker.tasker_task_transitions y WHERE y.task_id = ANY (:task_ids::bigint[])))::integer AS transitions`,
});

/** One page of a search for a tag. */
export interface TaggedPageRow {
  /** The tasks of the page that have the tag, the newest first. */
  found: string[];
  /** The lowest id of the page; null: there was no task left. */
  last: string | null;
}

/**
 * The tasks with a tag among the next `size` tasks below an id (null: among the newest). It reads that many rows whatever it finds, so
 * that a rare tag in a long history is found by many short statements.
 */
export const findTaggedTasks = defineStatement<TaggedPageRow>()({
  name: 'find_tagged_tasks',
  params: { tag: 'text', below: 'bigint | null', size: 'integer' },
  text: `
WITH page AS MATERIALIZED (
  SELECT t.task_id, t.tags
  FROM tasker.tasker_tasks t
  WHERE t.task_id < coalesce(:below::bigint, 9223372036854775807)
  ORDER BY t.task_id DESC
  LIMIT :size
)
SELECT coalesce(array_agg(p.task_id ORDER BY p.task_id DESC) FILTER (WHERE p.tags @> jsonb_build_array(:tag::text)), '{}') AS found,
  min(p.task_id) AS last
FROM page p`,
});
