import type { Executor, Transactions } from '../../db/connections/database.ts';
import type { WaitingItem } from '../../db/statements/operations/items.ts';
import type { HeldOperation } from '../../db/statements/operations/operations.ts';
import { isFinal } from '../../workflow/states.ts';
import { type ActName, isRefusal, writeAudit } from '../audit.ts';
import { cancel } from '../cancel.ts';
import type { OperatorAction } from '../operator-action.ts';
import { rerun } from '../rerun.ts';
import { resolveStep, resolveTask } from '../resolve.ts';
import { retry } from '../retry.ts';

/** What came of the act on one task. */
export interface EndedItem {
  task_id: string;
  state: 'done' | 'refused' | 'failed';
  outcome: string;
  detail: string | null;
  new_task_id: string | null;
}

/** The row of the audit that each item has: by whoever is responsible for the operation, and with its id. */
export const actionOf = ({ by, reason, operation_id: operation }: HeldOperation): OperatorAction => ({
  by,
  ...(reason === null ? {} : { reason }),
  operation,
});

/**
 * Acts on one task, in the transaction in which its item ends: by the verb that acts on one task, with its audit and its refusals. `now`: the task,
 * locked; undefined: there is none, or it is of another namespace.
 */
export async function actOnItem(
  held: Transactions,
  operation: HeldOperation,
  item: WaitingItem,
  now: { sort_key: number } | undefined,
): Promise<{ item: EndedItem; queues: readonly string[] }> {
  const { task_id: taskId } = item;
  if (now === undefined) return { item: await refuse(held, operation, taskId, 'not_found'), queues: [] };
  if (hasChanged(item, now)) return { item: await refuse(held, operation, taskId, 'changed'), queues: [] };
  const { outcome, ...rest } = await verbOf(operation)(held, taskId);
  const more = rest as { state?: string; by?: string; taskId?: string; queues?: string[] };
  return {
    item: {
      task_id: taskId,
      state: isRefusal(outcome) ? 'refused' : 'done',
      outcome,
      detail: isRefusal(outcome) ? (more.by ?? more.state ?? null) : null,
      new_task_id: operation.action === 'rerun' ? (more.taskId ?? null) : null,
    },
    queues: more.queues ?? [],
  };
}

/**
 * A task that failed or ended, and has moved since, is no longer what was chosen: somebody else has acted on it. One that was under way has only gone
 * on, and the verb decides.
 */
const hasChanged = (item: WaitingItem, now: { sort_key: number }): boolean =>
  (item.task_state === 'error' || isFinal(item.task_state)) && item.task_sort_key !== now.sort_key;

/** Audited as well: who asked has been refused. */
async function refuse(
  held: Transactions,
  operation: HeldOperation,
  taskId: string,
  outcome: 'not_found' | 'changed',
): Promise<EndedItem> {
  await held.transaction((tx) => auditItem(tx, operation, taskId, outcome));
  return { task_id: taskId, state: 'refused', outcome, detail: null, new_task_id: null };
}

export function auditItem(tx: Executor, operation: HeldOperation, taskId: string, outcome: string): Promise<void> {
  const act: ActName = `task.${operation.action}`;
  return writeAudit(tx, { act, on: { kind: 'task', id: taskId }, action: actionOf(operation) }, { outcome });
}

type Verb = (db: Transactions, taskId: string) => Promise<{ outcome: string }>;

function verbOf(operation: HeldOperation): Verb {
  const { attempts, step, result, from } = operation.options;
  const action = actionOf(operation);
  switch (operation.action) {
    case 'retry':
      return (db, taskId) => retry(db, taskId, { ...action, attempts });
    case 'cancel':
      return (db, taskId) => cancel(db, taskId, action);
    case 'rerun':
      return (db, taskId) => rerun(db, taskId, { ...action, from });
    case 'resolve':
      return step === undefined
        ? (db, taskId) => resolveTask(db, taskId, action)
        : (db, taskId) => resolveStep(db, taskId, step, { ...action, result });
  }
}
