import type { Database, Executor } from '../db/connections/database.ts';
import { listTasksInDirectory } from '../db/reads/directory.ts';
import { findIdAtTime } from '../db/reads/id-at-time.ts';
import {
  listBegunTasks,
  listFailingTasks,
  listReruns,
  listTasks,
  listTasksEndedByHand,
  listTasksOfIdentity,
  listTasksOfInitiator,
} from '../db/reads/task-lists.ts';
import type { PageRow } from '../db/reads/task-pages.ts';
import {
  listOpenTasks,
  listTasksOfWorkflows,
  listTasksWithTags,
  listTasksWithTagsInRange,
  readByIndexOnly,
} from '../db/reads/task-sets.ts';
import { findInputTerms, type InputTermsRow } from '../db/reads/search-paths.ts';
import { findVersions } from '../db/reads/workflows.ts';
import { DEFAULT_NAMESPACE } from '../workflow/build-definition.ts';
import { identityOfKey } from '../workflow/identity.ts';
import { initiatorOf } from '../workflow/task-occurrence.ts';
import { type DirectoryOfList, openDirectory } from './task-directory.ts';
import type { TaskFilter } from './task-filter.ts';
import {
  chooseSources,
  isFailing,
  type OrderedSource,
  type SetSource,
  type Sources,
  stepsOfOpenTasks,
} from './task-sources.ts';

/** A list of tasks whose names and times have been looked up. */
export interface TaskList {
  readonly filter: TaskFilter;
  /** Ids of the workflow versions; undefined: any. */
  readonly versions: readonly number[] | undefined;
  readonly sources: Sources;
  /** No task of the list has a lower id. */
  readonly floor: string;
  /** No task of the list has this id or a higher one. */
  readonly ceiling: string;
  /** Where its tasks are in the directory of tasks; undefined: they are not read from there. */
  readonly directory: DirectoryOfList | undefined;
}

/** Above every id. */
export const NO_CEILING = '9223372036854775807';

/** How far the order of ids and that of times may differ: submits that run at the same time. */
const CONCURRENT_MS = 10_000;

/** `floor`: if an earlier page of the same list has looked the time up. `below`: where the list goes on. */
export async function openTaskList(
  db: Executor,
  filter: TaskFilter,
  { floor: known, below }: { floor?: string | undefined; below?: string | undefined } = {},
): Promise<TaskList> {
  const { namespace, namespaces, workflow, version, requestedSince } = filter;
  const isNamed = [namespace, namespaces, workflow, version].some((given) => given !== undefined);
  const versions = isNamed
    ? (await db.run(findVersions, { namespace, namespaces, name: workflow, version })).map((row) => row.named_task_id)
    : undefined;
  const sources = chooseSources(filter, versions);
  const floor = known ?? (requestedSince === undefined ? '0' : await floorOf(db, requestedSince));
  const before = earliest(filter.requestedBefore, filter.endedBefore);
  const ceiling = before === undefined ? NO_CEILING : await ceilingOf(db, before);
  const inputs = await inputTerms(db, filter, versions);
  const hasTerms = (filter.tags ?? versions) !== undefined && filter.key === undefined && filter.rerunOf === undefined;
  const directory = hasTerms
    ? await openDirectory(db, { tags: filter.tags, versions, inputs, below: below ?? ceiling, floor })
    : undefined;
  return { filter, versions, sources, floor, ceiling, directory };
}

/** What the paths of inputs that are enabled say about the inputs of the list. */
async function inputTerms(
  db: Executor,
  filter: TaskFilter,
  versions: readonly number[] | undefined,
): Promise<InputTermsRow[]> {
  if (filter.inputHas === undefined || versions === undefined || versions.length === 0) return [];
  return db.run(findInputTerms, { named_task_ids: versions, input_has: jsonOf(filter.inputHas) });
}

/** What ended before a time was requested before it. */
function earliest(...times: (Date | undefined)[]): Date | undefined {
  return times.reduce((first, time) => (first === undefined || (time !== undefined && time < first) ? time : first));
}

async function floorOf(db: Executor, since: Date): Promise<string> {
  const [row] = await db.run(findIdAtTime, { at: new Date(since.getTime() - CONCURRENT_MS) });
  return row?.first ?? '0';
}

async function ceilingOf(db: Executor, before: Date): Promise<string> {
  const [row] = await db.run(findIdAtTime, { at: new Date(before.getTime() + CONCURRENT_MS) });
  return row?.past ?? NO_CEILING;
}

/** Which part of a source to read. */
export interface Part {
  readonly below: string;
  readonly limit: number;
  /** How many rows to read at most. */
  readonly rows: number;
}

/** Statements in one transaction, whose plans are restricted (`readByIndexOnly`). */
function byIndexOnly<T>(db: Database, how: 'ordered' | 'bitmap', work: (tx: Executor) => Promise<T>): Promise<T> {
  return db.transaction(async (tx) => {
    await tx.run(readByIndexOnly, { how });
    return work(tx);
  });
}

/** `terms`: of the directory, for `entered`. */
export async function readOrdered(
  db: Database,
  list: TaskList,
  source: OrderedSource,
  { rows, ...part }: Part,
  terms: readonly string[] = [],
): Promise<PageRow[]> {
  const parameters = { ...parametersOf(list, part), rows };
  switch (source) {
    case 'entered':
      return db.run(listTasksInDirectory, { ...parameters, terms, failing: isFailing(list.filter) });
    case 'failing':
      return db.run(listFailingTasks, { ...parameters, retrying: stepsOfOpenTasks(list.filter).retrying });
    case 'reruns':
      return db.run(listReruns, { ...parameters, rerun_of: list.filter.rerunOf as string });
    case 'identity': {
      const { namespace = DEFAULT_NAMESPACE, workflow = '', key = '' } = list.filter;
      return db.run(listTasksOfIdentity, {
        ...parameters,
        identity_hash: identityOfKey({ namespace, name: workflow }, key),
      });
    }
    // The partitions of the history: the newest may have no statistics yet.
    case 'begun':
      return byIndexOnly(db, 'ordered', (tx) => tx.run(listBegunTasks, parameters));
    case 'ended_by_hand':
      return byIndexOnly(db, 'ordered', (tx) => tx.run(listTasksEndedByHand, parameters));
    default:
      return db.run(ORDERED[source], parameters);
  }
}

const ORDERED = {
  all: listTasks,
  initiator: listTasksOfInitiator,
} as const;

/**
 * All of the set, or what it has from `floor` on. Undefined: that is too large. `how`: a part of it that is a range of ids, or all the
 * rest, for which no range need be looked up.
 */
export async function readSet(
  db: Database,
  list: TaskList,
  set: SetSource,
  { floor = list.floor, ...part }: Omit<Part, 'rows'> & { floor?: string },
  how: 'range' | 'rest' = 'rest',
): Promise<PageRow[] | undefined> {
  const parameters = { ...parametersOf(list, part), floor };
  const rows = await byIndexOnly(db, set === 'open' ? 'ordered' : 'bitmap', (tx) => {
    if (set === 'open') return tx.run(listOpenTasks, { ...parameters, ...stepsOfOpenTasks(list.filter) });
    if (set === 'workflows') return tx.run(listTasksOfWorkflows, parameters);
    return tx.run(how === 'range' ? listTasksWithTagsInRange : listTasksWithTags, parameters);
  });
  return rows[0]?.overflow === true ? undefined : rows;
}

function parametersOf({ filter, versions, floor }: TaskList, { below, limit }: { below: string; limit: number }) {
  return {
    states: filter.states,
    named_task_ids: versions,
    tags: filter.tags === undefined ? undefined : JSON.stringify(filter.tags),
    // So the tasks of a schedule are found by the index of initiators.
    initiator: filter.initiator ?? (filter.schedule === undefined ? undefined : initiatorOf(filter.schedule)),
    schedule: filter.schedule,
    requested_since: filter.requestedSince,
    requested_before: filter.requestedBefore,
    error: filter.error,
    fingerprint: filter.fingerprint,
    ...moreOf(filter),
    floor,
    below,
    limit,
  };
}

function moreOf(filter: TaskFilter) {
  const { inputHas } = filter;
  return {
    queue: filter.queue,
    source_system: filter.sourceSystem,
    input_has: inputHas === undefined ? undefined : jsonOf(inputHas),
    attempts_from: filter.attemptsFrom,
    attempts_to: filter.attemptsTo,
    ended_since: filter.endedSince,
    ended_before: filter.endedBefore,
  };
}

/** Each is JSON already. */
const jsonOf = (inputHas: NonNullable<TaskFilter['inputHas']>): string =>
  `[${inputHas.map((terms) => `[${terms.join(',')}]`).join(',')}]`;
