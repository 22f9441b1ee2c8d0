import type { OperationAction, OperationOptions } from '../db/statements/operations/operations.ts';
import type { OperatorAction } from '../engine/operator-action.ts';
import { InvalidInputError } from '../errors.ts';
import type { TaskFilter } from '../reads/task-filter.ts';
import { didYouMean } from '../workflow/did-you-mean.ts';
import { preview } from '../workflow/preview.ts';
import { isFinal, type State, STATES } from '../workflow/states.ts';
import { MAX_RETRY_LIMIT } from '../workflow/step-options.ts';
import { checkedFilter } from './checked-filter.ts';
import { checkedResult, checkedText, checkedTexts, checkedWhole } from './checked.ts';
import { checkedId } from '../workflow/checked-id.ts';
import type { InTransaction } from './client-options.ts';

/** One act on many tasks: on which, how, and how fast. Tasks are given either by a `filter` or by their ids. */
export interface NewOperation extends Pick<OperatorAction, 'by' | 'reason'>, InTransaction {
  action: OperationAction;
  /**
   * The filter of a list of tasks, with at least one condition. Without `states`: those in which the action is possible; a rerun has to name
   * them.
   */
  filter?: TaskFilter | undefined;
  taskIds?: readonly string[] | undefined;
  /** Of a retry: further attempts of each step, at least. Default 1. */
  attempts?: number | undefined;
  /** Of a resolve: this step, instead of the whole task. */
  step?: string | undefined;
  /** What the children of that step see as its result. Default null. */
  result?: unknown;
  /** Of a rerun: the steps to begin with. */
  from?: readonly string[] | undefined;
  /** Tasks a second, 0.01 to 1,000. Default 50. */
  pacePerSecond?: number | undefined;
  /** This many tasks first, or a share such as `'1%'`, until it is known how they went on. Default 0: none. */
  canary?: number | string | undefined;
  /**
   * Stop when this share of the tasks failed again with what they had failed with, above 0 and up to 1; null: never. Default 0.2 of a
   * retry and a rerun.
   */
  stopShare?: number | null | undefined;
  /** Stops the search for tasks. */
  signal?: AbortSignal | undefined;
}

export interface CheckedOperation {
  action: OperationAction;
  options: OperationOptions;
  filter: TaskFilter | undefined;
  /** Without duplicates. */
  taskIds: readonly string[] | undefined;
  pacePerSecond: number;
  canaryOf: (total: number) => number;
  stopShare: number | undefined;
}

const ACTIONS: readonly OperationAction[] = ['retry', 'cancel', 'resolve', 'rerun'];
const DEFAULT_PACE = 50;
const DEFAULT_STOP_SHARE = 0.2;
/** Tasks of one operation: their ids are in memory while they are chosen. */
export const MOST_ITEMS = 100_000;

const OPEN = STATES.filter((state) => !isFinal(state));
/** In which states a task allows the action, if no state is asked for. */
const STATES_OF: Readonly<Record<OperationAction, readonly State[] | undefined>> = {
  retry: ['error'],
  cancel: ['pending', 'in_progress'],
  resolve: ['error'],
  rerun: undefined,
};

export function checkedOperation(given: NewOperation): CheckedOperation {
  const { action } = given;
  if (!ACTIONS.includes(action)) {
    const names = didYouMean(String(action), ACTIONS);
    refuse('action', `is ${preview(action)}: use one of ${ACTIONS.join(', ')}${names}`);
  }
  const { filter, taskIds } = given;
  if ((filter === undefined) === (taskIds === undefined))
    throw new InvalidInputError('an operation needs either a filter or taskIds: give one of the two', {
      field: 'filter',
    });
  checkedText('by', given.by);
  checkedText('reason', given.reason);
  return {
    action,
    options: optionsOf(given),
    filter: filter === undefined ? undefined : filterOf(action, filter, given.step !== undefined),
    taskIds: taskIds === undefined ? undefined : idsOf(taskIds),
    pacePerSecond: paceOf(given.pacePerSecond),
    canaryOf: canaryOf(given.canary),
    stopShare: stopShareOf(given),
  };
}

function optionsOf({ action, attempts, step, result, from }: NewOperation): OperationOptions {
  belongs('attempts', attempts, action, 'retry');
  belongs('step', step, action, 'resolve');
  belongs('from', from, action, 'rerun');
  if (action === 'retry')
    return { attempts: checkedWhole('attempts', attempts ?? 1, 1, MAX_RETRY_LIMIT, ' further attempts') };
  if (action === 'rerun') {
    if (from === undefined) return {};
    if (checkedTexts('from', from)?.length === 0) refuse('from', 'is []: name a step, or leave it out');
    return { from: [...from] };
  }
  if (step === undefined) {
    if (result !== undefined) refuse('result', 'is given without step: a whole task has no result');
    return {};
  }
  return { step: checkedText('step', step) as string, result: checkedResult(step, result ?? null) };
}

function belongs(field: string, value: unknown, action: OperationAction, owner: OperationAction): void {
  if (value !== undefined && action !== owner) refuse(field, `is given with ${action}: it is an option of ${owner}`);
}

function filterOf(action: OperationAction, given: TaskFilter, ofStep: boolean): TaskFilter {
  const filter = checkedFilter(given, []);
  const { namespaces: _, ...conditions } = filter;
  if (Object.keys(conditions).length === 0)
    refuse('filter', 'has no condition, which means every task: name a workflow, a tag, a state or a time');
  if (filter.states !== undefined) return filter;
  // What fails now may still go on in another branch.
  const fails = filter.fingerprint !== undefined || filter.error !== undefined;
  const states = (action === 'retry' && fails) || (action === 'resolve' && ofStep) ? OPEN : STATES_OF[action];
  if (states === undefined)
    refuse(
      'filter.states',
      'is missing: name the states of the tasks that are to be run again, such as error or complete',
    );
  return { ...filter, states };
}

function idsOf(taskIds: readonly string[]): string[] {
  if (!Array.isArray(taskIds)) refuse('taskIds', `is ${preview(taskIds)}: use an array of task ids`);
  const ids = [...new Set(taskIds.map((id, index) => String(BigInt(checkedId(id, `taskIds[${index}]`)))))];
  if (ids.length === 0) refuse('taskIds', 'is empty: name at least one task');
  if (ids.length > MOST_ITEMS) refuse('taskIds', `has ${ids.length} ids: an operation has at most ${MOST_ITEMS} tasks`);
  return ids;
}

function paceOf(pace = DEFAULT_PACE): number {
  if (typeof pace === 'number' && pace >= 0.01 && pace <= 1000) return pace;
  return refuse('pacePerSecond', `is ${preview(pace)}: use a number from 0.01 to 1000 tasks a second`);
}

/** From the number of tasks to that of its canary. */
function canaryOf(canary: number | string = 0): (total: number) => number {
  if (typeof canary === 'number' && Number.isInteger(canary) && canary >= 0 && canary <= MOST_ITEMS)
    return () => canary;
  const [, percent] = /^(\d{1,3}(?:\.\d{1,3})?)%$/.exec(String(canary)) ?? [];
  if (typeof canary === 'string' && percent !== undefined && Number(percent) <= 100)
    return (total) => Math.ceil((total * Number(percent)) / 100);
  return refuse('canary', `is ${preview(canary)}: use a whole number of tasks, or a share of them such as '1%'`);
}

function stopShareOf({ action, stopShare }: NewOperation): number | undefined {
  if (stopShare === null) return undefined;
  if (stopShare === undefined) return action === 'retry' || action === 'rerun' ? DEFAULT_STOP_SHARE : undefined;
  if (typeof stopShare === 'number' && stopShare > 0 && stopShare <= 1) return stopShare;
  return refuse('stopShare', `is ${preview(stopShare)}: use a number above 0 and up to 1, or null for never`);
}

function refuse(field: string, problem: string): never {
  throw new InvalidInputError(`${field} ${problem}`, { field });
}
