import type { State } from '../workflow/states.ts';
import { isCostly, type TaskFilter } from './task-filter.ts';

/** Sources of tasks in the order of their ids, from which a list can go on anywhere. */
export type OrderedSource =
  | 'all'
  | 'initiator'
  | 'ended_by_hand'
  | 'failing'
  | 'begun'
  | 'entered'
  | 'identity'
  | 'reruns';
/**
 * Sources without an order. The open tasks are read as a whole, if they are few; the others by ranges of ids. The filter is also applied to
 * what they return.
 */
export type SetSource = 'open' | RangedSet;
export type RangedSet = 'tags' | 'workflows';

export interface Sources {
  /** Each has every task of the list. The first is tried first. */
  readonly ordered: readonly OrderedSource[];
  /** Whether nearly every task of the first ordered source passes the filter: a page reads little more than it has. */
  readonly exact: boolean;
  readonly set: SetSource | undefined;
}

/** Each version costs a scan of the index of workflows, which is small. */
const MOST_VERSIONS = 20;

const OPEN: readonly State[] = ['pending', 'in_progress', 'error'];
const BY_HAND: readonly State[] = ['cancelled', 'resolved_manually'];
const IN_ERROR: readonly State[] = ['error'];

/** Where the tasks of a list can be read from. */
export function chooseSources(filter: TaskFilter, versions: readonly number[] | undefined): Sources {
  const ordered = chooseOrdered(filter);
  return {
    ordered,
    exact: isExact(filter, ordered[0], versions),
    set: chooseSet(filter, ordered[0], versions),
  };
}

type Ordered = [OrderedSource, ...OrderedSource[]];

function chooseOrdered(filter: TaskFilter): Ordered {
  const { key, rerunOf, states, initiator, schedule } = filter;
  if (rerunOf !== undefined) return ['reruns'];
  if (key !== undefined) return ['identity'];
  const ofInitiator = (initiator ?? schedule) === undefined ? [] : (['initiator'] as const);
  if (within(states, BY_HAND)) return ['ended_by_hand', ...ofInitiator];
  if (isFailing(filter)) return ['failing', ...ofInitiator];
  const [first = 'all'] = ofInitiator;
  return hasBegun(filter) ? [first, 'begun'] : [first];
}

/** Every task of the list has a step that is blocked, or that waits for a retry. */
export const isFailing = ({ states, error, fingerprint }: TaskFilter): boolean =>
  within(states, IN_ERROR) || (error ?? fingerprint) !== undefined;

/** No task of the list waits for its first step. */
const hasBegun = ({ states, endedSince, endedBefore, attemptsFrom = 0 }: TaskFilter): boolean =>
  states?.includes('pending') === false || (endedSince ?? endedBefore) !== undefined || attemptsFrom > 0;

function chooseSet(
  { states, queue, tags }: TaskFilter,
  ordered: OrderedSource,
  versions: readonly number[] | undefined,
): SetSource | undefined {
  if (ordered !== 'all' && ordered !== 'initiator') return undefined;
  if (within(states, OPEN) || queue !== undefined) return 'open';
  if (ordered === 'initiator') return undefined;
  if (tags !== undefined) return 'tags';
  return versions !== undefined && versions.length <= MOST_VERSIONS ? 'workflows' : undefined;
}

const within = (states: readonly State[] | undefined, few: readonly State[]): boolean =>
  states !== undefined && states.every((state) => few.includes(state));

/** Initiators with the same beginning share an index entry: those of others are excluded by the filter, and are rare. */
function isExact(filter: TaskFilter, ordered: OrderedSource, versions: readonly number[] | undefined): boolean {
  const { states, tags, initiator, schedule, sourceSystem, inputHas, endedSince, endedBefore } = filter;
  if (isCostly(filter)) return false;
  if ([tags, versions, sourceSystem, inputHas, endedSince, endedBefore].some((given) => given !== undefined))
    return false;
  if (ordered !== 'initiator' && (initiator ?? schedule) !== undefined) return false;
  if (ordered === 'failing') return true;
  return ordered === 'ended_by_hand' ? states?.length === BY_HAND.length : states === undefined;
}

/** The steps whose tasks make up the set of open tasks. */
export function stepsOfOpenTasks({ states }: TaskFilter): Record<StepsDo, boolean> {
  const mayBe = (state: State): boolean => states === undefined || states.includes(state);
  const goesOn = mayBe('in_progress');
  return {
    // The first step of a pending task is ready; of a task in progress some steps are, or run, or wait, or are blocked.
    ready: goesOn || mayBe('pending'),
    running: goesOn,
    retrying: goesOn,
    blocked: goesOn || mayBe('error'),
  };
}

type StepsDo = 'ready' | 'running' | 'retrying' | 'blocked';
