import { defineStatement } from '../statement.ts';
import { FAILING } from './failing-steps.ts';
import { hashOfRerun, tasksOfIdentity } from '../statements/rules/identity.ts';
import { IN_RANGE, ONE_FAILS, PAGE, page, pageOfIds, type PageRow, SOURCE_COLUMNS } from './task-pages.ts';

/** How many characters of an initiator are in its index: an index entry has an upper bound, an initiator has none. */
export const INITIATOR_PREFIX = 128;

/** `rows`: how many rows of the source to read. */
const ORDERED = { ...PAGE, rows: 'integer' } as const;

export const listTasks = defineStatement<PageRow>()({
  name: 'list_tasks',
  params: ORDERED,
  text: page(`
  SELECT ${SOURCE_COLUMNS}
  FROM tasker.tasker_tasks t
  WHERE ${IN_RANGE}
  ORDER BY t.task_id DESC
  LIMIT :rows`),
});

/**
 * Compared as pairs and not by equality: with equality the order by id alone would do, and the planner could walk the primary key through
 * everything that is newer than the last task of an initiator.
 */
export const listTasksOfInitiator = defineStatement<PageRow>()({
  name: 'list_tasks_of_initiator',
  params: ORDERED,
  text: page(`
  SELECT ${SOURCE_COLUMNS}
  FROM tasker.tasker_tasks t
  WHERE t.initiator IS NOT NULL
    AND (left(t.initiator, ${INITIATOR_PREFIX}), t.task_id) < (left(:initiator::text, ${INITIATOR_PREFIX}), :below::bigint)
    AND (left(t.initiator, ${INITIATOR_PREFIX}), t.task_id) >= (left(:initiator::text, ${INITIATOR_PREFIX}), :floor::bigint)
    AND ${IN_RANGE}
  ORDER BY left(t.initiator, ${INITIATOR_PREFIX}) DESC, t.task_id DESC
  LIMIT :rows`),
});

/**
 * Tasks that an operator or a program ended: cancelled or resolved. Their history says so for ever, so the index is never updated. It also
 * says which of both, so only tasks that are wanted are looked up.
 */
export const listTasksEndedByHand = defineStatement<PageRow>()({
  name: 'list_tasks_ended_by_hand',
  params: ORDERED,
  text: pageOfIds(
    `ended AS MATERIALIZED (
  SELECT t.task_id, t.to_state, t.most_recent
  FROM tasker.tasker_task_transitions t
  WHERE t.to_state IN ('cancelled', 'resolved_manually') AND ${IN_RANGE}
  ORDER BY t.task_id DESC
  LIMIT :rows
)`,
    'ended',
    { which: `i.most_recent AND (:states::text[] IS NULL OR i.to_state = ANY (:states::text[]))` },
  ),
});

/**
 * Tasks of which a step was begun or that have ended, by their history: a task that waits for its first step has none, so however many of these are newer, none of
 * them is read. The newest row has the task's state, and only tasks with one that is wanted are looked up.
 */
export const listBegunTasks = defineStatement<PageRow>()({
  name: 'list_begun_tasks',
  params: ORDERED,
  text: pageOfIds(
    `begun AS MATERIALIZED (
  SELECT t.task_id, t.to_state
  FROM tasker.tasker_task_transitions t
  WHERE t.most_recent AND ${IN_RANGE}
  ORDER BY t.task_id DESC
  LIMIT :rows
)`,
    'begun',
    { which: `(:states::text[] IS NULL OR i.to_state = ANY (:states::text[]))` },
  ),
});

/**
 * Tasks of which a step fails now. `rows`: how many failing steps are read, and the further ones of the task of the last, so that the next page begins with another task.
 * An error that is asked for is looked at before the task is, in the transition that the step is at.
 */
export const listFailingTasks = defineStatement<PageRow>()({
  name: 'list_failing_tasks',
  params: { ...ORDERED, retrying: 'boolean' },
  text: pageOfIds(
    `last AS MATERIALIZED (
  SELECT s.task_id
  FROM tasker.tasker_workflow_steps s
  WHERE ${FAILING} AND s.task_id < :below::bigint AND s.task_id >= :floor::bigint
  ORDER BY s.task_id DESC
  OFFSET :rows - 1
  LIMIT 1
), steps AS MATERIALIZED (
  SELECT s.task_id, s.workflow_step_id, s.sort_key, s.named_task_id, s.blocked_at IS NOT NULL AS is_blocked
  FROM tasker.tasker_workflow_steps s
  WHERE ${FAILING} AND s.task_id < :below::bigint AND s.task_id >= coalesce((SELECT l.task_id FROM last l), :floor::bigint)
), failing AS MATERIALIZED (
  SELECT s.task_id, array_agg(s.workflow_step_id) AS step_ids, array_agg(s.sort_key) AS sort_keys
  FROM steps s
  WHERE :named_task_ids::integer[] IS NULL OR s.named_task_id = ANY (:named_task_ids::integer[])
  GROUP BY s.task_id
  HAVING :retrying OR bool_or(s.is_blocked)
)`,
    'steps',
    { from: 'failing', which: ONE_FAILS, also: 'true' },
  ),
});

/** Every generation of an identity. */
export const listTasksOfIdentity = defineStatement<PageRow>()({
  name: 'list_tasks_of_identity',
  params: { ...ORDERED, identity_hash: 'text' },
  text: pageOfIds(
    `generations AS MATERIALIZED (
  SELECT DISTINCT t.task_id
  FROM (${tasksOfIdentity(':identity_hash')}
  ) t
  WHERE ${IN_RANGE}
  ORDER BY t.task_id DESC
  LIMIT :rows
)`,
    'generations',
  ),
});

/** What reruns have made of one task: by the identity that each has, one look-up for each. */
export const listReruns = defineStatement<PageRow>()({
  name: 'list_reruns',
  params: { ...ORDERED, rerun_of: 'bigint' },
  text: pageOfIds(
    `reruns AS MATERIALIZED (
  WITH RECURSIVE walked (task_id, identity_hash, ordinal) AS (
    SELECT NULL::bigint, o.identity_hash, 0 FROM tasker.tasker_tasks o WHERE o.task_id = :rerun_of
    UNION ALL
    SELECT r.task_id, w.identity_hash, w.ordinal + 1
    FROM walked w
    CROSS JOIN LATERAL (
      SELECT r.task_id FROM tasker.tasker_tasks r WHERE r.identity_hash = ${hashOfRerun('w.identity_hash', 'w.ordinal + 1')} OFFSET 0
    ) r
  )
  SELECT t.task_id
  FROM walked t
  WHERE t.task_id IS NOT NULL AND ${IN_RANGE}
  ORDER BY t.task_id DESC
  LIMIT :rows
)`,
    'reruns',
  ),
});
