import type { State } from '../../../workflow/states.ts';
import { defineStatement, rows } from '../../statement.ts';
import { successorOf } from '../rules/identity.ts';
import { isOpen } from '../rules/open-states.ts';
import { sameTask } from '../rules/same-task.ts';

/**
 * The last transition of the step `s`, which is in error. By its key: OFFSET 0 keeps the planner from reading the history for a join.
 * `task`: how its task is compared.
 */
const lastOf = (
  s: string,
  task = (column: string, value: string) => `${column} = ${value}`,
): string => `CROSS JOIN LATERAL (
      SELECT *
      FROM tasker.tasker_workflow_step_transitions x
      WHERE ${task('x.task_id', `${s}.task_id`)} AND x.workflow_step_id = ${s}.workflow_step_id AND x.sort_key = ${s}.sort_key
      OFFSET 0
    ) x`;

/**
 * Condition: the item `i` is of the operation, in a state, and above a task id. Compared as rows and not by equality: with equality the order by task
 * id alone would do, and the planner could walk the primary key through every item in another state.
 */
export const inState = (
  state: string,
  after: string,
): string => `(i.operation_id, i.state, i.task_id) > (:operation_id::bigint, ${state}, ${after})
  AND (i.operation_id, i.state, i.task_id) < (:operation_id::bigint, ${state}, 9223372036854775807)`;

/** Tasks that are alike in all that a preview counts. */
export interface ChosenRow {
  namespace: string;
  workflow: string;
  state: State;
  /** Any of its steps is in error. */
  failed: boolean;
  superseded: boolean;
  fingerprints: string[] | null;
  tasks: number;
}

/**
 * Makes those of the tasks items of an operation that are still in one of the states, fail with the fingerprint, and are of the namespaces; as they are
 * at this moment. Ids that are items already are left out.
 */
export const chooseItems = defineStatement<ChosenRow>()({
  name: 'choose_operation_items',
  params: {
    operation_id: 'bigint',
    task_ids: 'bigint[]',
    states: 'text[] | null',
    fingerprint: 'text | null',
    namespaces: 'text[] | null',
  },
  text: `
WITH chosen AS MATERIALIZED (
  SELECT t.task_id, t.state, t.sort_key, n.name AS namespace, k.name AS workflow, f.failed, f.fingerprints,
    ${successorOf('t')} IS NOT NULL AS superseded
  FROM unnest(:task_ids::bigint[]) AS c (task_id)
  CROSS JOIN LATERAL (SELECT * FROM tasker.tasker_tasks t WHERE t.task_id = c.task_id OFFSET 0) t
  JOIN tasker.tasker_named_tasks k ON k.named_task_id = t.named_task_id
  JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
  CROSS JOIN LATERAL (
    SELECT count(*) > 0 AS failed,
      array_agg(DISTINCT x.metadata #>> '{error,fingerprint}') FILTER (WHERE x.metadata #>> '{error,fingerprint}' IS NOT NULL) AS fingerprints
    FROM tasker.tasker_workflow_steps s
    ${lastOf('s')}
    WHERE s.task_id = t.task_id AND s.state = 'error'
  ) f
  WHERE (:states::text[] IS NULL OR t.state = ANY (:states::text[]))
    AND (:fingerprint::text IS NULL OR :fingerprint::text = ANY (f.fingerprints))
    AND (:namespaces::text[] IS NULL OR n.name = ANY (:namespaces::text[]))
), inserted AS (
  INSERT INTO tasker.tasker_operation_items (operation_id, task_id, task_state, task_sort_key, fingerprints)
  SELECT :operation_id, c.task_id, c.state, c.sort_key, c.fingerprints FROM chosen c
  ON CONFLICT DO NOTHING
  RETURNING task_id
)
SELECT c.namespace, c.workflow, c.state, c.failed, c.superseded, c.fingerprints, count(*)::integer AS tasks
FROM chosen c
JOIN inserted i ON i.task_id = c.task_id
GROUP BY c.namespace, c.workflow, c.state, c.failed, c.superseded, c.fingerprints`,
});

export interface WaitingItem {
  task_id: string;
  task_state: State;
  task_sort_key: number;
}

const LAST_ACTED_ON = `coalesce(greatest(${['done', 'refused', 'failed']
  .map(
    (state) => `(
    SELECT i.task_id
    FROM tasker.tasker_operation_items i
    WHERE ${inState(`'${state}'`, '0')}
    ORDER BY i.operation_id DESC, i.state DESC, i.task_id DESC
    LIMIT 1)`,
  )
  .join(', ')}), 0)`;

/**
 * The next items of an operation that this transaction holds. Items are acted on in the order of their tasks, so it begins above the last one: below it
 * the index has what is left of those that waited, until a vacuum.
 */
export const nextItems = defineStatement<WaitingItem>()({
  name: 'next_operation_items',
  params: { operation_id: 'bigint', limit: 'integer' },
  text: `
SELECT i.task_id, i.task_state, i.task_sort_key
FROM tasker.tasker_operation_items i
WHERE ${inState("'waiting'", LAST_ACTED_ON)}
ORDER BY i.operation_id, i.state, i.task_id
LIMIT :limit`,
});

/** The tasks among these that are of the namespaces (null: all), and their last transition. They are locked by the caller. */
export const findItemTasks = defineStatement<{ task_id: string; sort_key: number; state: State }>()({
  name: 'find_operation_tasks',
  params: { task_ids: 'bigint[]', namespaces: 'text[] | null' },
  text: `
SELECT t.task_id, t.sort_key, t.state
FROM tasker.tasker_tasks t
JOIN tasker.tasker_named_tasks k ON k.named_task_id = t.named_task_id
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
WHERE t.task_id = ANY (:task_ids::bigint[]) AND (:namespaces::text[] IS NULL OR n.name = ANY (:namespaces::text[]))`,
});

/** What came of items that waited. Returns those that did, which are all of them: nobody else ends an item of a held operation. */
export const endItems = defineStatement<{ task_id: string }>()({
  name: 'end_operation_items',
  params: {
    operation_id: 'bigint',
    items: rows({
      task_id: 'bigint',
      state: 'text',
      outcome: 'text',
      detail: 'text | null',
      new_task_id: 'bigint | null',
    }),
  },
  text: `
UPDATE tasker.tasker_operation_items i
SET state = e.state, outcome = e.outcome, detail = e.detail, new_task_id = e.new_task_id, acted_at = clock_timestamp()
FROM :items AS e
WHERE i.operation_id = :operation_id AND i.task_id = e.task_id AND i.state = 'waiting'
RETURNING i.task_id`,
});

/**
 * Checks the next items that are done, after the id `after`, for how their tasks went on, and keeps what is known for good. `checked`: how many;
 * `last`: the id of the last of them. One look-up in each of three keys for an item.
 */
export const settleItems = defineStatement<{
  checked: number;
  last: string | null;
  settled: number;
  came_back: number;
  window_came_back: number;
}>()({
  name: 'settle_operation_items',
  params: { operation_id: 'bigint', after: 'bigint', limit: 'integer', window_began_at: 'timestamptz' },
  text: `
WITH watched AS MATERIALIZED (
  SELECT i.task_id, coalesce(i.new_task_id, i.task_id) AS watched_id, i.fingerprints, i.acted_at
  FROM tasker.tasker_operation_items i
  WHERE i.operation_id = :operation_id AND i.state = 'done' AND i.settled IS NULL AND i.task_id > :after
  ORDER BY i.task_id
  LIMIT :limit
), found AS MATERIALIZED (
  SELECT w.task_id, w.acted_at, CASE
      WHEN t.state IS NULL OR NOT ${isOpen('t')} THEN 'ended'
      WHEN EXISTS (
        SELECT FROM tasker.tasker_workflow_steps s
        ${lastOf('s', sameTask)}
        WHERE s.task_id = w.watched_id AND s.state = 'error' AND x.created_at > w.acted_at
          AND x.metadata #>> '{error,fingerprint}' = ANY (w.fingerprints)) THEN 'came_back'
      WHEN t.state = 'error' THEN 'failed'
    END AS settled
  FROM watched w
  LEFT JOIN LATERAL (SELECT t.state FROM tasker.tasker_tasks t WHERE t.task_id = w.watched_id OFFSET 0) t ON true
), kept AS (
  UPDATE tasker.tasker_operation_items i
  SET settled = f.settled
  FROM found f
  WHERE i.operation_id = :operation_id AND i.task_id = f.task_id AND f.settled IS NOT NULL
  RETURNING i.settled, i.acted_at
)
SELECT (SELECT count(*) FROM watched)::integer AS checked, (SELECT max(w.task_id) FROM watched w) AS last,
  count(*)::integer AS settled,
  (count(*) FILTER (WHERE k.settled = 'came_back'))::integer AS came_back,
  (count(*) FILTER (WHERE k.settled = 'came_back' AND k.acted_at >= :window_began_at))::integer AS window_came_back
FROM kept k`,
});

/** Which of the tasks are no items of the operation. */
export const findMissingItems = defineStatement<{ task_id: string }>()({
  name: 'find_missing_operation_items',
  params: { operation_id: 'bigint', task_ids: 'bigint[]', limit: 'integer' },
  text: `
SELECT c.task_id
FROM unnest(:task_ids::bigint[]) AS c (task_id)
WHERE NOT EXISTS (
  SELECT FROM tasker.tasker_operation_items i WHERE i.operation_id = :operation_id AND i.task_id = c.task_id)
ORDER BY c.task_id
LIMIT :limit`,
});

/** One statement, of up to 100,000 rows that nobody waits for. */
export const deleteItems = defineStatement()({
  name: 'delete_operation_items',
  params: { operation_id: 'bigint' },
  text: `
DELETE FROM tasker.tasker_operation_items i
WHERE i.operation_id = :operation_id`,
});
