import { defineStatement } from '../statement.ts';
import { hashOfRerun, tasksOfIdentity } from '../statements/rules/identity.ts';
import { IN_RANGE, PAGE, page, pageOfIds, type PageRow, SOURCE_COLUMNS } from './task-pages.ts';

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
