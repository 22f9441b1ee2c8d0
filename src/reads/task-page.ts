import type { Database } from '../db/connections/database.ts';
import type { PageRow } from '../db/reads/task-pages.ts';
import type { TaskRow } from '../db/reads/tasks.ts';
import { isCostly } from './task-filter.ts';
import { regionsOf } from './task-directory.ts';
import { type Part, readOrdered, readSet, type TaskList } from './task-list.ts';
import { type RangeOfSet, readRanges } from './task-ranges.ts';
import { isTooLarge, wasTooLarge } from './large-sets.ts';
import { SourceRace } from './source-race.ts';
import { type OrderedSource, type Sources, stepsOfOpenTasks } from './task-sources.ts';

/**
 * How many rows one page may read of a source that also has other tasks, in steps: most pages are full after the first. The limit is
 * some ten milliseconds of reading, from which a claim does not suffer.
 */
const STEPS = [1000, 4000, 15_000] as const;
const BUDGET_ROWS = STEPS.reduce((sum, rows) => sum + rows, 0);
/** After this time a page reads no further, if a slow disk makes each row expensive. */
const BUDGET_MS = 500;
/** Looking for the text of an error costs several look-ups a row. */
const ERROR_SHARE = 4;
/** Looking into an input costs no look-up, unless it is large. */
const INPUT_SHARE = 2;
/** A source that tells only the ids of tasks costs a look-up for each that may pass. */
const LOOK_UP_SHARE = 2;
/** Ids of a region that is walked: some milliseconds. */
const NARROW = 16_384n;
/** Tasks of the directory that do not pass although nearly all do: they were removed, or are at the edges of a range of times. */
const EDGES = 20;

/** Whether the list is read from the set of open tasks; undefined: not decided yet. */
export type FromSet = boolean | undefined;

/** A page of a list, the newest tasks first. */
export interface TaskPage {
  readonly tasks: TaskRow[];
  /** The page reached its limit of tasks or the end of the list; false: it stopped because it had read enough. */
  readonly complete: boolean;
  /** The next page has the tasks below this id; undefined: there is none. */
  readonly below: string | undefined;
  /** how far back the page has read: when the oldest task that it read was requested; undefined: to the end of the list. */
  readonly scannedTo: Date | undefined;
  /** When the page was read, by the clock of the database. */
  readonly asOf: Date;
  readonly fromSet: FromSet;
  /** The path of inputs by whose values it was read, and its workflow; undefined: by none. */
  readonly searchPath: string | undefined;
}

/**
 * Reads one page, at a cost that does not depend on how many tasks there are. Tasks that pass the filter may be few among those of the
 * source: then a small set that has all of them is read if there is one, or the page ends early and says so.
 */
export async function readTaskPage(
  db: Database,
  list: TaskList,
  { below, limit, fromSet }: { below: string; limit: number; fromSet?: FromSet },
): Promise<TaskPage> {
  const page = new Page(below, limit);
  let decided = fromSet;
  for (const { floor, terms } of regionsOf(list.directory, below, list.floor)) {
    page.enter(floor);
    const region = { ...list, floor, sources: sourcesWithin(list, page.part().below, floor, terms) };
    decided = await readRegion(db, { list, region, terms }, page, decided);
    // The set of open tasks has all of the list, not only those of the region.
    if (decided === true || page.isFull || !page.isAtEnd) break;
  }
  return { ...page.result(decided), searchPath: list.directory?.searchPath };
}

/**
 * What is not in the directory yet is walked: the newest tasks, and stretches to which something was added. A ranged set has all of its tasks, however
 * long ago, and where rows differ in length the newest ones also lie on the oldest pages, so a read of it may be one of the whole table.
 * Before anything is entered a set is all there is.
 */
function sourcesWithin(
  { sources, directory }: TaskList,
  below: string,
  floor: string,
  terms: readonly string[] | undefined,
): Sources {
  if (directory === undefined) return sources;
  const { set } = sources;
  const isWalked = terms !== undefined || directory.enteredUpTo > 0n || BigInt(below) - BigInt(floor) <= NARROW;
  return {
    // Whatever the directory has is also read by it.
    ordered: terms === undefined ? sources.ordered : ['entered', ...sources.ordered.filter((one) => one !== 'all')],
    exact: sources.exact,
    set: isWalked && set !== 'open' ? undefined : set,
  };
}

interface Region {
  readonly list: TaskList;
  /** The list down to the end of the region. */
  readonly region: TaskList;
  readonly terms: readonly string[] | undefined;
}

/**
 * Reads down to the end of a region, or until the page is full or has read enough. A source that would fill the page is read on; of others, each is tried, and then the one goes on that came
 * furthest down with what it read. Returns whether the list is read from the set of open tasks.
 */
async function readRegion(
  db: Database,
  { list, region, terms }: Region,
  page: Page,
  fromSet: FromSet,
): Promise<FromSet> {
  const { set, ordered } = region.sources;
  let decided = fromSet;
  const race = new SourceRace(ordered);
  const steps = [firstStep(region, page.part().limit), ...STEPS];
  for (const [index, step] of steps.entries()) {
    const isSparse = index > 0 && !page.isDense;
    if (set === 'open' && (decided === true || (decided === undefined && isSparse))) {
      const open = await readOpen(db, list, page.part());
      decided = open !== undefined;
      if (open !== undefined) {
        page.add(open, Infinity);
        return true;
      }
    }
    if (set !== undefined && set !== 'open' && isSparse && decided !== false) {
      for await (const range of readRanges(db, region, set, () => page.part())) {
        page.addRange(range);
        if (page.isDone || page.isSpent) return undefined;
      }
      decided = false;
    }
    const source = race.next(isSparse);
    const rows = index === 0 ? step : partOf(step, source, list);
    const part = page.part();
    page.add(await readOrdered(db, region, source, { ...part, rows }, terms), rows);
    race.passed(source, { cost: step, ids: BigInt(part.below) - BigInt(page.part().below) });
    if (page.isDone || page.isSpent) break;
  }
  return set === 'open' ? decided : undefined;
}

/** All open tasks of the list. Undefined: they are too many, or were a moment ago. */
async function readOpen(db: Database, list: TaskList, part: Omit<Part, 'rows'>): Promise<PageRow[] | undefined> {
  const steps = stepsOfOpenTasks(list.filter);
  if (wasTooLarge(db, steps)) return undefined;
  const began = performance.now();
  const found = await readSet(db, list, 'open', part);
  if (found === undefined) isTooLarge(db, steps, performance.now() - began);
  return found;
}

/**
 * An exact source may have some other tasks, such as those at the edges of a range of times, which the steps skip. Of any other, often every second task
 * or so passes, and every row that is read is looked at. Most filters pass nearly all that the directory has.
 */
function firstStep({ sources: { exact, ordered } }: TaskList, missing: number): number {
  if (ordered[0] === 'entered') return missing + EDGES;
  return exact ? missing : 4 * missing;
}

const partOf = (rows: number, source: OrderedSource, { filter }: TaskList): number => {
  if (isCostly(filter) || source === 'failing') return Math.ceil(rows / ERROR_SHARE);
  if (source === 'begun') return Math.ceil(rows / LOOK_UP_SHARE);
  return filter.inputHas === undefined ? rows : Math.ceil(rows / INPUT_SHARE);
};

/** A page that is being read. */
class Page {
  private readonly tasks: TaskRow[] = [];
  private readonly rates: { found: number; read: number }[] = [];
  private atEnd = false;
  private scanned: { id: string; at: Date | undefined } | undefined;
  private asOf = new Date();
  private regionFloor = '0';
  private readonly from: string;
  private readonly limit: number;
  private readonly began = performance.now();

  constructor(from: string, limit: number) {
    this.from = from;
    this.limit = limit;
  }

  /** The region before is read to its end, and this one ends at `floor`. */
  enter(floor: string): void {
    if (this.atEnd) this.scanned = { id: this.regionFloor, at: this.scanned?.at };
    this.atEnd = false;
    this.rates.length = 0;
    this.regionFloor = floor;
  }

  /** What is still missing; one task more than the page has says whether there is a next one. */
  part(): Omit<Part, 'rows'> {
    return { below: this.scanned?.id ?? this.from, limit: this.limit + 1 - this.tasks.length };
  }

  /** `rows`: how many could have been read; fewer means that the source has no more. */
  add(found: readonly PageRow[], rows: number): this {
    const [first] = found;
    if (first === undefined) return this;
    this.asOf = first.as_of;
    const before = this.tasks.length;
    if (first.scanned_to !== null) {
      this.scanned = { id: first.scanned_to, at: first.scanned_to_at ?? this.scanned?.at };
    }
    for (const row of found) if (row.task_id !== null) this.tasks.push(taskOf(row));
    this.rates.push({ found: this.tasks.length - before, read: first.read_rows });
    this.atEnd = first.read_rows < rows;
    return this;
  }

  /** A range of a set: all that it has down to `floor`. */
  addRange({ found, floor, atEnd }: RangeOfSet): void {
    this.add(found, 0);
    this.atEnd = atEnd;
    if (this.scanned !== undefined) this.scanned.id = floor;
  }

  /** It has read enough, whatever it has found. */
  get isSpent(): boolean {
    return this.read > BUDGET_ROWS || performance.now() - this.began > BUDGET_MS;
  }

  /** How many rows it has read. */
  private get read(): number {
    return this.rates.reduce((sum, step) => sum + step.read, 0);
  }

  get isFull(): boolean {
    return this.tasks.length > this.limit;
  }

  /** Its region has no more. */
  get isAtEnd(): boolean {
    return this.atEnd;
  }

  get isDone(): boolean {
    return this.isFull || this.atEnd;
  }

  /** At the rate of the last step, the rest of the budget fills the page. Tasks that pass may be many at one place, and none behind. */
  get isDense(): boolean {
    const { found = 0, read = 0 } = this.rates.at(-1) ?? {};
    const left = BUDGET_ROWS - this.read;
    return found * left > (this.limit + 1 - this.tasks.length) * read;
  }

  result(fromSet: FromSet): Omit<TaskPage, 'searchPath'> {
    const tasks = this.tasks.slice(0, this.limit);
    const last = this.isFull ? tasks.at(-1) : undefined;
    const stopped = last === undefined && !this.atEnd ? this.scanned : undefined;
    return {
      tasks,
      complete: stopped === undefined,
      below: last?.task_id ?? stopped?.id,
      scannedTo: last?.requested_at ?? stopped?.at,
      asOf: this.asOf,
      fromSet,
    };
  }
}

function taskOf(row: PageRow & TaskRow): TaskRow {
  const { read_rows: _read, scanned_to: _to, scanned_to_at: _at, overflow: _overflow, as_of: _asOf, ...task } = row;
  return task;
}
