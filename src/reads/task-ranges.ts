import type { Database } from '../db/connections/database.ts';
import type { PageRow } from '../db/reads/task-pages.ts';
import { type Part, readSet, type TaskList } from './task-list.ts';
import type { RangedSet } from './task-sources.ts';

/** Ids of the first range: some milliseconds of reading, whatever the set is. */
const FIRST_WIDTH = 32_768n;
/** What follows is made so wide that it would fill the page, by what was found so far, and half as much again. */
const MARGIN = 1.5;
/** How much wider than the one before a range is at most: what was found may be at one place. */
const MOST_GROWTH = 32n;
/** A wider range of tags is no range: to find out which pages have its ids would cost more than all tasks with the tags. */
const WIDEST_OF_TAGS = 2_097_152n;

/** Every task of the set that passes the filter and has an id from `floor` on, below the range before. */
export interface RangeOfSet {
  readonly found: PageRow[];
  readonly floor: string;
  /** No task of the list has a lower id. */
  readonly atEnd: boolean;
}

/**
 * Reads a set that has no order, by ranges of ids, the newest first. So a page of a set that is spread over years reads the part of them
 * in which its tasks are, and a workflow that had all of its tasks long ago is found in some steps. `part`: what is still missing. Ends
 * before the end of the list if the rest has too many tasks with these tags.
 */
export async function* readRanges(
  db: Database,
  list: TaskList,
  set: RangedSet,
  part: () => Omit<Part, 'rows'>,
): AsyncGenerator<RangeOfSet> {
  const end = BigInt(list.floor);
  const top = BigInt(part().below);
  let below = top;
  let width = FIRST_WIDTH;
  let found = 0;
  /** From here to where the last range ended are too many: their newest are looked for by halving. */
  let crowded: bigint | undefined;
  while (below > end) {
    if (set === 'tags' && width > WIDEST_OF_TAGS) width = below - end;
    const floor = below - width > end ? below - width : end;
    const isRest = set === 'tags' && floor === end && (end === 0n || below - floor > WIDEST_OF_TAGS);
    const given = { ...part(), below: String(below), floor: String(floor) };
    const rows = await readSet(db, list, set, given, isRest ? 'rest' : 'range');
    if (rows === undefined) {
      if (isRest) return;
      crowded = floor;
    } else {
      yield { found: rows, floor: String(floor), atEnd: floor === end };
      found += rows.filter((row) => row.task_id !== null).length;
      below = floor;
    }
    if (crowded !== undefined && crowded < below) width = (below - crowded + 1n) / 2n;
    else if (found > 0) width = widthFor(part().limit, Number(top - below) / found, width);
    else width = set === 'tags' ? below - end : width * MOST_GROWTH;
  }
}

/** `spacing`: ids for each task that was found. */
function widthFor(missing: number, spacing: number, width: bigint): bigint {
  const wanted = BigInt(Math.ceil(spacing * missing * MARGIN));
  const most = width * MOST_GROWTH;
  return wanted < FIRST_WIDTH ? FIRST_WIDTH : wanted > most ? most : wanted;
}
