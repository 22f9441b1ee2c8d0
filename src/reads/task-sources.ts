import type { State } from '../workflow/states.ts';
import { isCostly, type TaskFilter } from './task-filter.ts';

/** Sources of tasks in the order of their ids, from which a list can go on anywhere. */
export type OrderedSource = 'all' | 'initiator' | 'ended_by_hand' | 'identity' | 'reruns';
/**
 * Sources without an order. The open tasks are read as a whole, if they are few; the others by ranges of ids. The filter is also applied to
 * what they return.
 */
export type SetSource = 'open' | RangedSet;
export type RangedSet = 'tags' | 'workflows';

export interface Sources {
  readonly ordered: OrderedSource;
  /** Whether nearly every task of the ordered source passes the filter: a page reads little more than it has. */
  readonly exact: boolean;
  readonly set: SetSource | undefined;
}

/** Each version costs a scan of the index of workflows, which is small. */
const MOST_VERSIONS = 20;

const OPEN: readonly State[] = ['pending', 'in_progress', 'error'];
const BY_HAND: readonly State[] = ['cancelled', 'resolved_manually'];

/** Where the tasks of a list are read from: the narrowest of the sources that have all of them. */
export function chooseSources(filter: TaskFilter, versions: readonly number[] | undefined): Sources {
  const ordered = chooseOrdered(filter);
  return {
    ordered,
    exact: isExact(filter, ordered, versions),
    set: chooseSet(filter, ordered, versions),
  };
}

function chooseOrdered({ key, rerunOf, states, initiator, schedule }: TaskFilter): OrderedSource {
  if (rerunOf !== undefined) return 'reruns';
  if (key !== undefined) return 'identity';
  if (within(states, BY_HAND)) return 'ended_by_hand';
  return initiator === undefined && schedule === undefined ? 'all' : 'initiator';
}

function chooseSet(
  { states, error, fingerprint, queue, tags }: TaskFilter,
  ordered: OrderedSource,
  versions: readonly number[] | undefined,
): SetSource | undefined {
  if (ordered === 'identity' || ordered === 'reruns' || ordered === 'ended_by_hand') return undefined;
  if (within(states, OPEN) || (error ?? fingerprint ?? queue) !== undefined) return 'open';
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
  return ordered === 'ended_by_hand' ? states?.length === BY_HAND.length : states === undefined;
}

/** The steps whose tasks make up the set of open tasks. A failing step is blocked or waits for a retry, whatever its task is. */
export function stepsOfOpenTasks({ states, error, fingerprint }: TaskFilter): Record<StepsDo, boolean> {
  const mayBe = (state: State): boolean => states === undefined || states.includes(state);
  const goesOn = mayBe('in_progress');
  if ((error ?? fingerprint) !== undefined) return { ready: false, running: false, retrying: goesOn, blocked: true };
  return {
    // The first step of a pending task is ready; of a task in progress some steps are, or run, or wait, or are blocked.
    ready: goesOn || mayBe('pending'),
    running: goesOn,
    retrying: goesOn,
    blocked: goesOn || mayBe('error'),
  };
}

type StepsDo = 'ready' | 'running' | 'retrying' | 'blocked';
