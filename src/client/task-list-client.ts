import type { TaskRow } from '../db/reads/tasks.ts';
import { InvalidInputError } from '../errors.ts';
import { encodeCursor } from '../reads/task-cursor.ts';
import type { TaskFilter } from '../reads/task-filter.ts';
import { openTaskList, type TaskList } from '../reads/task-list.ts';
import { type FromSet, readTaskPage, type TaskPage as ReadPage } from '../reads/task-page.ts';
import { checkedCursor, checkedFilter } from './checked-filter.ts';
import { checkedWhole } from './checked.ts';
import { checkedId } from '../workflow/checked-id.ts';
import type { ListTasksOptions, TaskPageOptions } from './client-options.ts';
import { ScheduleClient } from './schedule-client.ts';

const MOST_TASKS = 1000;
/** Pages of `tasks()`. */
const BATCH = 200;

/** A page of tasks without their steps, newest first. */
export interface TaskPage {
  tasks: TaskRow[];
  /** For the next page, which begins below this one; undefined: this is the last. */
  nextCursor: string | undefined;
  /** False: the page has fewer tasks than its limit because it had read enough of others; the next page goes on. */
  complete: boolean;
  /** how far back the page has read: when the oldest task that it read was requested. Undefined: to the end of the list. */
  scannedTo: Date | undefined;
  /** When the page was read, by the clock of the database; of a replica, up to when it has everything. */
  asOf: Date;
  /**
   * By which enabled path a search of inputs was answered, as `input.order of shop/checkout`. Undefined: by none; inputs were looked into, one task after
   * the other (see the guide "Finding tasks").
   */
  searchPath: string | undefined;
}

/** How many tasks a list has, as far as it was counted. */
export interface TaskCount {
  tasks: number;
  /** False: there are more, or the time was over before the end of the list. */
  exact: boolean;
}

/** A count goes no further, and takes no longer but for the page that it reads. */
const MOST_COUNTED = 10_000;
const COUNT_MS = 200;

/** What a client does with lists of tasks. They cost the same however many tasks there are: see the guide "Finding tasks". */
export class TaskListClient extends ScheduleClient {
  /**
   * Tasks without their steps, newest first; `after` gives the next page. Reads on until it has `limit` tasks or there are no more,
   * which can take long if a filter has no index: `taskPage` and `tasks` read in portions.
   */
  async listTasks(options: ListTasksOptions = {}): Promise<TaskRow[]> {
    const filter = checkedFilter(options, ['after', 'limit']);
    const limit = checkedLimit(options.limit);
    const tasks: TaskRow[] = [];
    for await (const page of this.pages(filter, limit, checkedAfter(options.after))) {
      tasks.push(...page.slice(0, limit - tasks.length));
      if (tasks.length === limit) break;
    }
    return tasks;
  }

  /**
   * One page of tasks without their steps, newest first, at a bounded cost; `cursor` gives the next one. Throws InvalidInputError,
   * also for a cursor of other filters.
   */
  async taskPage(options: TaskPageOptions = {}): Promise<TaskPage> {
    const given = checkedFilter(options, ['after', 'cursor', 'limit']);
    const limit = checkedLimit(options.limit);
    const after = checkedAfter(options.after);
    const cursor = options.cursor === undefined ? undefined : checkedCursor(options.cursor, given);
    if (cursor !== undefined && after !== undefined) {
      throw new InvalidInputError('after is given with cursor: a cursor has its own place, so leave it out', {
        field: 'after',
      });
    }
    const filter = cursor?.filter ?? given;
    const { value, source } = await this.reports.read(async (db) => {
      const list = await openTaskList(db, filter, { floor: cursor?.floor, below: cursor?.below ?? after });
      const from = { below: cursor?.below ?? start(list, after), limit, fromSet: cursor?.fromSet };
      return { ...(await readTaskPage(db, list, from)), floor: list.floor };
    });
    const { below, fromSet, floor, ...page } = value;
    const nextCursor = below === undefined ? undefined : encodeCursor({ filter, below, floor, fromSet });
    return { ...page, nextCursor, asOf: source.asOf ?? page.asOf };
  }

  /** Every task of a list, newest first, read in pages as the loop goes on. Tasks that are submitted meanwhile are not among them. */
  async *tasks(filter: TaskFilter = {}): AsyncGenerator<TaskRow> {
    for await (const page of this.pages(checkedFilter(filter, []), BATCH)) yield* page;
  }

  /**
   * How many tasks a list has: up to 10,000 of them, within some 200 ms. There is no exact number of a large list: to count it is to read it.
   */
  async countTasks(filter: TaskFilter = {}): Promise<TaskCount> {
    const until = performance.now() + COUNT_MS;
    let tasks = 0;
    for await (const page of this.pages(checkedFilter(filter, []), MOST_TASKS)) {
      tasks += page.length;
      if (tasks > MOST_COUNTED) return { tasks: MOST_COUNTED, exact: false };
      if (performance.now() > until) return { tasks, exact: false };
    }
    return { tasks, exact: true };
  }

  private async *pages(filter: TaskFilter, limit: number, after?: string): AsyncGenerator<TaskRow[]> {
    const open = (floor?: string, from = after): Promise<TaskList> =>
      this.reports.read((db) => openTaskList(db, filter, { floor, below: from })).then(({ value }) => value);
    let list = await open();
    let below: string | undefined = start(list, after);
    let fromSet: FromSet;
    while (below !== undefined) {
      const from: { below: string; limit: number; fromSet: FromSet } = { below, limit, fromSet };
      const { value: page } = await this.reports.read<ReadPage>((db) => readTaskPage(db, list, from));
      yield page.tasks;
      ({ below, fromSet } = page);
      // A path of inputs may be disabled while somebody reads on.
      if (list.directory?.searchPath !== undefined) list = await open(list.floor, below);
    }
  }
}

/** The id below which the first page begins. */
function start({ ceiling }: TaskList, after: string | undefined): string {
  return after === undefined || BigInt(after) > BigInt(ceiling) ? ceiling : after;
}

const checkedAfter = (after: string | undefined): string | undefined =>
  after === undefined ? undefined : checkedId(after);

const checkedLimit = (limit = 50): number => checkedWhole('limit', limit, 1, MOST_TASKS, ' tasks');
