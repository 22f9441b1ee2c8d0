import { randomBytes } from 'node:crypto';
import type { Executor, Transactions } from '../../db/connections/database.ts';
import { type ChosenRow, chooseItems, findMissingItems } from '../../db/statements/operations/items.ts';
import {
  completePreview,
  insertOperation,
  type OperationAction,
  type OperationOptions,
  type OperationRow,
  type PreviewCounts,
} from '../../db/statements/operations/operations.ts';
import { allowedTaskActions } from '../../workflow/allowed-actions.ts';
import type { State } from '../../workflow/states.ts';
import { sha256 } from '../audit.ts';

/** A bulk operation that is about to be previewed; everything was checked. */
export interface PreviewRequest {
  action: OperationAction;
  options: OperationOptions;
  /** Of the tasks that were found, in any order. Some may have changed since: what they must still be like. */
  taskIds: readonly string[];
  /** Somebody named them: those that are not there are reported. */
  named: boolean;
  states?: readonly State[] | undefined;
  fingerprint?: string | undefined;
  /** How they were found, for people. */
  selection: Readonly<Record<string, unknown>>;
  by: string;
  reason?: string | undefined;
  /** Who asks, as the API knows them. */
  principal?: string | undefined;
  /** Only tasks of these are touched; undefined: all. */
  namespaces?: readonly string[] | undefined;
  pacePerSecond: number;
  /** From the number of tasks to how many of them are done first. */
  canaryOf: (total: number) => number;
  stopShare: number | undefined;
}

/** A preview, and what starts it. */
export type PreviewOutcome =
  | {
      outcome: 'previewed';
      operation: OperationRow;
      token: string;
      /** Ids that were named and have no task, the first 100 of them. */
      missing: string[];
    }
  | { outcome: 'empty' };

/** A preview that nobody starts is removed after this time: what it counted is no longer so. */
export const PREVIEW_SECONDS = 3600;
/** Tasks that one statement makes items of. */
const BATCH = 5000;
/** Fingerprints that a preview names: a filter may find as many as it finds tasks. */
const MOST_FINGERPRINTS = 50;
const MOST_MISSING = 100;

/**
 * Chooses the tasks of a bulk operation once and for all, and counts them as they are at that moment. Whatever comes later is no part of it. Writes
 * nothing if no task is left.
 */
export async function previewOperation(db: Transactions, request: PreviewRequest): Promise<PreviewOutcome> {
  const { action, by, reason, principal, namespaces, stopShare, canaryOf } = request;
  const secret = randomBytes(16).toString('hex');
  try {
    return await db.transaction(async (tx) => {
      const [row] = await tx.run(insertOperation, {
        action,
        options: JSON.stringify(request.options),
        selection: JSON.stringify(request.selection),
        token_hash: sha256(secret),
        by,
        reason,
        principal,
        namespaces,
        pace_per_second: request.pacePerSecond,
        stop_share: stopShare,
        expires_in_seconds: PREVIEW_SECONDS,
      });
      const { operation_id: operationId } = row as { operation_id: string };
      const chosen = await choose(tx, operationId, request);
      const total = chosen.reduce((sum, { tasks }) => sum + tasks, 0);
      if (total === 0) throw new NothingChosen();
      const [operation] = await tx.run(completePreview, {
        operation_id: operationId,
        preview: JSON.stringify(countsOf(chosen)),
        total,
        canary: Math.min(total, canaryOf(total)),
      });
      return {
        outcome: 'previewed',
        operation: operation as OperationRow,
        token: `${operationId}-${secret}`,
        missing:
          request.named && total < request.taskIds.length ? await missingOf(tx, operationId, request.taskIds) : [],
      };
    });
  } catch (error) {
    if (error instanceof NothingChosen) return { outcome: 'empty' };
    throw error;
  }
}

/** Rolls the operation back. */
class NothingChosen extends Error {}

async function choose(
  tx: Executor,
  operationId: string,
  { taskIds, states, fingerprint, namespaces }: PreviewRequest,
): Promise<ChosenRow[]> {
  const chosen: ChosenRow[] = [];
  for (let start = 0; start < taskIds.length; start += BATCH) {
    chosen.push(
      ...(await tx.run(chooseItems, {
        operation_id: operationId,
        task_ids: taskIds.slice(start, start + BATCH),
        states,
        fingerprint,
        namespaces,
      })),
    );
  }
  return chosen;
}

async function missingOf(tx: Executor, operation_id: string, task_ids: readonly string[]): Promise<string[]> {
  const rows = await tx.run(findMissingItems, { operation_id, task_ids, limit: MOST_MISSING });
  return rows.map(({ task_id: taskId }) => taskId);
}

function countsOf(chosen: readonly ChosenRow[]): PreviewCounts {
  const states = new Counter();
  const allowed = new Counter();
  const fingerprints = new Counter();
  const workflows = new Map<string, PreviewCounts['workflows'][number]>();
  for (const { namespace, workflow, tasks, ...task } of chosen) {
    states.add(task.state, tasks);
    for (const action of allowedTaskActions(task)) allowed.add(action, tasks);
    for (const fingerprint of task.fingerprints ?? []) fingerprints.add(fingerprint, tasks);
    const name = `${namespace}/${workflow}`;
    workflows.set(name, { namespace, workflow, tasks: (workflows.get(name)?.tasks ?? 0) + tasks });
  }
  return {
    states: states.asObject(),
    allowed: allowed.asObject(),
    workflows: [...workflows.values()].toSorted((a, b) => b.tasks - a.tasks),
    fingerprints: fingerprints
      .descending()
      .slice(0, MOST_FINGERPRINTS)
      .map(([fingerprint, tasks]) => ({ fingerprint, tasks })),
  };
}

class Counter {
  private readonly counts = new Map<string, number>();

  add(name: string, by: number): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by);
  }

  descending(): [string, number][] {
    return [...this.counts].toSorted(([, a], [, b]) => b - a);
  }

  asObject(): Record<string, number> {
    return Object.fromEntries(this.descending());
  }
}
