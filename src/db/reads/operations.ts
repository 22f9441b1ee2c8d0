import type { State } from '../../workflow/states.ts';
import { defineStatement } from '../statement.ts';
import { inState } from '../statements/operations/items.ts';
import { isVisible, OPERATION_COLUMNS, type OperationRow } from '../statements/operations/operations.ts';

export const findOperation = defineStatement<OperationRow>()({
  name: 'find_operation',
  params: { operation_id: 'bigint', namespaces: 'text[] | null' },
  text: `
SELECT ${OPERATION_COLUMNS}
FROM tasker.tasker_operations o
WHERE o.operation_id = :operation_id AND ${isVisible('o')}`,
});

/** Operations below an id, the newest first. The table has what operators did in 90 days. */
export const listOperations = defineStatement<OperationRow>()({
  name: 'list_operations',
  params: { below: 'bigint', states: 'text[] | null', namespaces: 'text[] | null', limit: 'integer' },
  text: `
SELECT ${OPERATION_COLUMNS}
FROM tasker.tasker_operations o
WHERE o.operation_id < :below AND (:states::text[] IS NULL OR o.state = ANY (:states::text[])) AND ${isVisible('o')}
ORDER BY o.operation_id DESC
LIMIT :limit`,
});

/** What came of the act on one task of an operation. */
export interface OperationItemRow {
  task_id: string;
  /** The state of the task when it was chosen. */
  task_state: State;
  /** What its steps in error had failed with then. */
  fingerprints: string[] | null;
  state: 'waiting' | 'done' | 'refused' | 'failed';
  /** As the act on one task returns it, `changed` (somebody else acted on the task since it was chosen) or `error`; null: it waits. */
  outcome: string | null;
  /** The state that refused it, the task that has its identity, or the error. */
  detail: string | null;
  /** The task that a rerun made. */
  new_task_id: string | null;
  acted_at: Date | null;
  /** How the task went on, until an hour after the operation ended: it ended, failed with something else, or came back with what it had failed with. */
  settled: 'ended' | 'failed' | 'came_back' | null;
  /** The state of the task, or of the new one, now; null: it was removed. */
  state_now: State | null;
}

const ITEMS = `
SELECT i.task_id, i.task_state, i.fingerprints, i.state, i.outcome, i.detail, i.new_task_id, i.acted_at, i.settled, t.state AS state_now
FROM tasker.tasker_operation_items i
LEFT JOIN LATERAL (
  SELECT t.state FROM tasker.tasker_tasks t WHERE t.task_id = coalesce(i.new_task_id, i.task_id) OFFSET 0
) t ON true`;

const PAGE = { operation_id: 'bigint', after: 'bigint', limit: 'integer' } as const;

/** Items above a task id, in the order in which they are acted on. */
export const listOperationItems = defineStatement<OperationItemRow>()({
  name: 'list_operation_items',
  params: PAGE,
  text: `${ITEMS}
WHERE i.operation_id = :operation_id AND i.task_id > :after
ORDER BY i.task_id
LIMIT :limit`,
});

/** As `listOperationItems`, those in one state. */
export const listOperationItemsInState = defineStatement<OperationItemRow>()({
  name: 'list_operation_items_in_state',
  params: { ...PAGE, state: 'text' },
  text: `${ITEMS}
WHERE ${inState(':state::text', ':after')}
ORDER BY i.operation_id, i.state, i.task_id
LIMIT :limit`,
});
