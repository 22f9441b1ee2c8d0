import type { Database, Transactions } from '../db/connections/database.ts';
import {
  findOperation,
  listOperationItems,
  listOperationItemsInState,
  listOperations,
  type OperationItemRow,
} from '../db/reads/operations.ts';
import type { OperationRow, OperationState } from '../db/statements/operations/operations.ts';
import type { OperatorAction } from '../engine/operator-action.ts';
import { previewOperation } from '../engine/operations/preview.ts';
import {
  abortOperation,
  pauseOperation,
  resumeOperation,
  startOperation,
  type Steering,
  type SteerOutcome,
} from '../engine/operations/steer.ts';
import { InvalidInputError } from '../errors.ts';
import type { TaskFilter } from '../reads/task-filter.ts';
import { NO_CEILING, openTaskList } from '../reads/task-list.ts';
import { type FromSet, readTaskPage } from '../reads/task-page.ts';
import { preview as shown } from '../workflow/preview.ts';
import type { ActGate } from './act-gate.ts';
import { checkedWhole } from './checked.ts';
import { checkedId } from '../workflow/checked-id.ts';
import type { InTransaction } from './client-options.ts';
import { transactionsOf } from './in-transaction.ts';
import { checkedOperation, MOST_ITEMS, type NewOperation } from './new-operation.ts';

/** The tasks of an operation that may be started: chosen once, and counted as they were then. */
export interface PreviewedOperation {
  operation: OperationRow;
  /** What starts it, within an hour: `start`. */
  token: string;
  /** Ids that were given and have no task, the first 100 of them. */
  missing: string[];
}

/** Who asks, for a program in front of several people: what they may see and touch. */
export interface OperationScope {
  /** How the program knows them. Of `key:` and the id of an API key it is examined again whether that key may act. */
  principal?: string | undefined;
  /** Only tasks of these namespaces, and operations about nothing else. Undefined: all. */
  namespaces?: readonly string[] | undefined;
}

type Steer = Pick<OperatorAction, 'by' | 'reason'> & InTransaction & OperationScope;

const OPERATION_STATES: readonly OperationState[] = ['preview', 'running', 'paused', 'stopped', 'done', 'aborted'];
const ITEM_STATES: readonly OperationItemRow['state'][] = ['waiting', 'done', 'refused', 'failed'];
/** Of the list that chooses tasks. */
const PAGE = 1000;

/**
 * Bulk operations: one act on many tasks, which schedulers work off, at a pace, and stop if what is retried fails again. The tasks are chosen once,
 * by the preview; whatever comes later is no part of it.
 */
export class Operations {
  private readonly db: Database;
  private readonly acts: ActGate;

  /** @internal */
  constructor(db: Database, acts: ActGate) {
    this.db = db;
    this.acts = acts;
  }

  /**
   * Chooses the tasks and counts them, and changes none of them. Undefined: there are none. Reads the list of the filter to its end, from the primary.
   * Throws InvalidInputError, also for more than 100,000 tasks.
   */
  async preview(request: NewOperation & OperationScope): Promise<PreviewedOperation | undefined> {
    const { filter: given, taskIds, ...checked } = checkedOperation(request);
    const { by = 'operator', reason, principal, namespaces, signal } = request;
    const scoped = namespaces === undefined ? given : given && { ...given, namespaces };
    const found = taskIds ?? (await this.find(scoped as TaskFilter, signal));
    const outcome = await previewOperation(await transactionsOf(request, this.db), {
      ...checked,
      taskIds: found,
      named: taskIds !== undefined,
      states: given?.states,
      fingerprint: given?.fingerprint,
      selection: taskIds === undefined ? { filter: asWire(given ?? {}) } : { task_ids: taskIds.length },
      by,
      reason,
      principal,
      namespaces,
    });
    if (outcome.outcome === 'empty') return undefined;
    const { outcome: _, ...previewed } = outcome;
    return previewed;
  }

  /** Lets a preview run: schedulers begin within a second. `token`: what the preview returned. */
  async start(token: string, options: Steer = {}): Promise<SteerOutcome> {
    const [, operationId] = /^(\d{1,18})-[0-9a-f]{32}$/.exec(String(token)) ?? [];
    if (operationId === undefined)
      throw new InvalidInputError(`token is ${shown(token)}: use the one that a preview returned`, { field: 'token' });
    return this.startPreview(operationId, token, options);
  }

  /** @internal As `start`, for a program that has the id as well: a token of another operation is the wrong one. */
  async startPreview(operationId: string, token: string, options: Steer = {}): Promise<SteerOutcome> {
    return this.steer('start', operationId, options, (db, by) => startOperation(db, operationId, token, by));
  }

  /** When it returns, the operation does nothing until it is resumed. */
  async pause(operationId: string, options: Steer = {}): Promise<SteerOutcome> {
    return this.steer('pause', operationId, options, (db, by) => pauseOperation(db, operationId, by));
  }

  /**
   * Goes on where it was paused or stopped: what came back until a stop no longer counts. If it runs and waits for its canary, it goes on without.
   */
  async resume(operationId: string, options: Steer = {}): Promise<SteerOutcome> {
    return this.steer('resume', operationId, options, (db, by) => resumeOperation(db, operationId, by));
  }

  /** Ends it for good: when it returns, nothing more happens. What was done stays done. */
  async abort(operationId: string, options: Steer = {}): Promise<SteerOutcome> {
    return this.steer('abort', operationId, options, (db, by) => abortOperation(db, operationId, by));
  }

  /** Undefined: there is none. Operations are kept for 90 days after their end. */
  async get(operationId: string, scope: OperationScope = {}): Promise<OperationRow | undefined> {
    const { namespaces } = scope;
    const [operation] = await this.db.run(findOperation, { operation_id: checked(operationId), namespaces });
    return operation;
  }

  /** The newest first. `before`: the last id of the page before. `limit`: 1 to 1,000, default 50. */
  async list(
    options: { states?: readonly OperationState[]; before?: string | undefined; limit?: number } & OperationScope = {},
  ): Promise<OperationRow[]> {
    const { states, before, namespaces } = options;
    for (const state of states ?? []) oneOf('states', state, OPERATION_STATES);
    return this.db.run(listOperations, {
      below: before === undefined ? NO_CEILING : checkedId(before, 'before'),
      states,
      namespaces,
      limit: checkedWhole('limit', options.limit ?? 50, 1, 1000, ' operations'),
    });
  }

  /**
   * What came of each task, in the order in which they are acted on. `after`: the last task id of the page before. `limit`: 1 to 1,000, default 50.
   */
  async items(
    operationId: string,
    options: { state?: OperationItemRow['state'] | undefined; after?: string | undefined; limit?: number } = {},
  ): Promise<OperationItemRow[]> {
    const { state, after } = options;
    const page = {
      operation_id: checked(operationId),
      after: after === undefined ? '0' : checkedId(after, 'after'),
      limit: checkedWhole('limit', options.limit ?? 50, 1, 1000, ' tasks'),
    };
    if (state === undefined) return this.db.run(listOperationItems, page);
    return this.db.run(listOperationItemsInState, { ...page, state: oneOf('state', state, ITEM_STATES) });
  }

  private steer(
    verb: 'start' | 'pause' | 'resume' | 'abort',
    operationId: string,
    { by, reason, principal, namespaces, transaction }: Steer,
    work: (db: Transactions, steering: Steering) => Promise<SteerOutcome>,
  ): Promise<SteerOutcome> {
    const attempt = { act: `operation.${verb}`, on: { kind: 'operation', id: operationId } } as const;
    return this.acts.pass(attempt, { by, reason }, async (action) => {
      checked(operationId);
      return work(await transactionsOf({ transaction }, this.db), { ...action, principal, namespaces });
    });
  }

  /** The ids of a list, to its end. */
  private async find(filter: TaskFilter, signal: AbortSignal | undefined): Promise<string[]> {
    const list = await openTaskList(this.db, filter);
    const found: string[] = [];
    let below: string | undefined = list.ceiling;
    let fromSet: FromSet;
    while (below !== undefined) {
      signal?.throwIfAborted();
      const page: Awaited<ReturnType<typeof readTaskPage>> = await readTaskPage(this.db, list, {
        below,
        limit: PAGE,
        fromSet,
      });
      for (const { task_id: taskId } of page.tasks) found.push(taskId);
      if (found.length > MOST_ITEMS)
        throw new InvalidInputError(
          `filter has more than ${MOST_ITEMS} tasks: narrow it, for example by requestedSince and requestedBefore`,
          { field: 'filter' },
        );
      ({ below, fromSet } = page);
    }
    return found;
  }
}

/** As a body of the API has it, so that the same can be asked for again. */
function asWire({ states, tags, namespaces: _, ...same }: TaskFilter): object {
  const named = Object.entries(same).map(([name, value]) => [
    name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    value,
  ]);
  return { ...Object.fromEntries(named), state: states, tag: tags };
}

const checked = (operationId: string): string => checkedId(operationId, 'operationId');

function oneOf<Value extends string>(field: string, value: Value, known: readonly Value[]): Value {
  if (known.includes(value)) return value;
  throw new InvalidInputError(`${field} is ${shown(value)}: use one of ${known.join(', ')}`, { field });
}
