import { defineStatement, rows } from '../../statement.ts';
import { COUNTED_UNTIL, dueAt } from '../rules/retention.ts';
import { POLICIES } from './blocks.ts';

/** A task that retention may remove, holds and identities aside. */
export interface DueTaskRow {
  task_id: string;
  named_task_id: number;
  state: string;
}

/** Those of these tasks that may go by their policies now; their rows are locked. */
export const findDueTasks = defineStatement<DueTaskRow>()({
  name: 'find_due_tasks',
  params: { task_ids: 'bigint[]', policies: POLICIES },
  text: `
SELECT t.task_id, t.named_task_id, t.state
FROM tasker.tasker_tasks t
JOIN :policies AS p ON p.named_task_id = t.named_task_id AND p.state = t.state
WHERE t.task_id = ANY (:task_ids::bigint[])
  AND ${dueAt('t', 'p.keep_seconds')} <= clock_timestamp()
  AND ${dueAt('t', '0')} < ${COUNTED_UNTIL}
ORDER BY t.task_id`,
});

/** The first and the latest task of the identity of a row `own` of tasker_identities. */
const ENDS = `
CROSS JOIN LATERAL (
  SELECT d.task_id, d.generation FROM tasker.tasker_identities d
  WHERE d.identity_hash = own.identity_hash ORDER BY d.generation LIMIT 1
) first_one
CROSS JOIN LATERAL (
  SELECT d.task_id, d.generation FROM tasker.tasker_identities d
  WHERE d.identity_hash = own.identity_hash ORDER BY d.generation DESC LIMIT 1
) latest`;

/**
 * The first and the latest tasks of the identities of these tasks, if none but these two and tasks of the list are left of the identity: they
 * can only go together.
 */
export const findIdentityEnds = defineStatement<{ task_id: string }>()({
  name: 'find_identity_ends',
  params: { task_ids: 'bigint[]' },
  text: `
SELECT DISTINCT e.task_id
FROM tasker.tasker_identities own
${ENDS}
CROSS JOIN LATERAL (VALUES (first_one.task_id), (latest.task_id)) AS e (task_id)
WHERE own.task_id = ANY (:task_ids::bigint[])
  AND NOT EXISTS (
    SELECT FROM tasker.tasker_identities between_them
    WHERE between_them.identity_hash = own.identity_hash
      AND between_them.generation > first_one.generation AND between_them.generation < latest.generation
      AND between_them.task_id <> ALL (:task_ids::bigint[]))`,
});

/**
 * Those of these tasks that are the first or the latest of an identity of which a task outside of the list is left, with one of
 * those. Without the first, a submit would begin beside the later ones; without the latest, it would find an earlier one, and may do
 * again what the latest has done.
 */
export const findBoundByIdentities = defineStatement<{ task_id: string; held_by: string }>()({
  name: 'find_bound_by_identities',
  params: { task_ids: 'bigint[]' },
  text: `
SELECT own.task_id, other.task_id AS held_by
FROM tasker.tasker_identities own
${ENDS}
CROSS JOIN LATERAL (
  SELECT d.task_id FROM tasker.tasker_identities d
  WHERE d.identity_hash = own.identity_hash AND d.task_id <> ALL (:task_ids::bigint[])
  ORDER BY d.generation DESC
  LIMIT 1
) other
WHERE own.task_id = ANY (:task_ids::bigint[]) AND own.task_id IN (first_one.task_id, latest.task_id)
ORDER BY own.task_id`,
});

/** Adds to what was removed today, in the transaction that removes it. */
export const countRemoved = defineStatement()({
  name: 'count_removed',
  params: { removed: rows({ named_task_id: 'integer', state: 'text', tasks: 'integer', steps: 'integer' }) },
  text: `
INSERT INTO tasker.tasker_retention_removed AS r (day, named_task_id, state, tasks, steps)
SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date, i.named_task_id, i.state, i.tasks, i.steps
FROM :removed AS i
ORDER BY i.named_task_id, i.state
ON CONFLICT (day, named_task_id, state) DO UPDATE SET tasks = r.tasks + EXCLUDED.tasks, steps = r.steps + EXCLUDED.steps`,
});

/** Forgets what was removed long ago: a row for each day, version of a workflow and end state. Reads the key from its beginning. */
export const pruneRemoved = defineStatement()({
  name: 'prune_removed',
  params: { kept_days: 'integer' },
  text: `
DELETE FROM tasker.tasker_retention_removed r
WHERE r.day < (clock_timestamp() AT TIME ZONE 'UTC')::date - :kept_days::integer`,
});

/** How many steps these tasks have, by workflow and state. */
export const countSteps = defineStatement<{ named_task_id: number; state: string; tasks: number; steps: number }>()({
  name: 'count_steps_to_remove',
  params: { task_ids: 'bigint[]' },
  text: `
SELECT t.named_task_id, t.state, count(*)::integer AS tasks,
  sum((SELECT count(*) FROM tasker.tasker_workflow_steps s WHERE s.task_id = t.task_id))::integer AS steps
FROM tasker.tasker_tasks t
WHERE t.task_id = ANY (:task_ids::bigint[])
GROUP BY t.named_task_id, t.state
ORDER BY t.named_task_id, t.state`,
});
