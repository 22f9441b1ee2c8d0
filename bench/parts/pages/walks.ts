/** Lists that somebody goes through to their end, page after page. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '../../../src/index.ts';
import { percentile, round, type Table } from '../../support/report.ts';
import type { BenchDatabase } from '../../support/server.ts';
import { elsewhere } from '../../support/workflows.ts';
import type { Answer } from '../pages.ts';

const LIMIT = 200;
/** Pages at each end whose time is compared. */
const ENDS = 200;

export interface Walk {
  what: string;
  pages: number;
  found: number;
  /** Tasks that came more than once, and of those that are there, how many did not come. */
  twice: number;
  missed: number;
  /** Medians of the first and of the last pages, and the slowest; milliseconds. */
  first: number;
  last: number;
  most: number;
  /** Of the table, on which the tasks of such a page lie. */
  firstTablePages: number;
  lastTablePages: number;
}

/** What a walk reads, and what happens beside it. */
export interface Walks {
  db: BenchDatabase;
  get(path: string): Promise<Answer>;
  /** Of the walk over the newest ones. */
  tasks: number;
  /** The input of this task is looked for. */
  oldest: number;
}

/** The newest `tasks` tasks, alone and beside submits, and a search of the whole history by a value of an input that has no index. */
export async function measureWalks({ db, get, tasks, oldest }: Walks): Promise<Walk[]> {
  const newest = `newest ${tasks.toLocaleString('en-US')} tasks, ${LIMIT} in a page`;
  const over = async (what: string): Promise<Walk> => {
    const [row] = await db.query<{ id: string }>(
      `SELECT max(task_id)::text AS id FROM tasker.tasker_tasks /* bench: */`,
    );
    const walked = await walk(what, get, `/v1/tasks?limit=${LIMIT}`, tasks);
    // What was there when it began, as far as it came: it also has tasks that were submitted before its first page.
    const there = await db.query<{ id: string }>(
      `SELECT task_id::text AS id FROM tasker.tasker_tasks WHERE task_id <= $1::bigint AND task_id >= $2::bigint /* bench: */`,
      [row?.id, walked.ids.at(-1) ?? row?.id],
    );
    return figuresOf(
      walked,
      there.map(({ id }) => id),
      await tablePages(db, walked),
    );
  };
  const alone = await over(newest);
  const submits = await submitBeside(db);
  const beside = await over(`the same beside ${SUBMITS_PER_SECOND} submits a second`).finally(submits.stop);
  const q = encodeURIComponent(`input.order:"order-${oldest}"`);
  const search = await walk(
    `a value of an input without an index`,
    get,
    `/v1/tasks?limit=50&q=${q}`,
    Number.POSITIVE_INFINITY,
  );
  return [
    alone,
    { ...beside, what: `${beside.what} (${Math.round(submits.rate())} were made)` },
    figuresOf(search, [String(oldest)], await tablePages(db, search)),
  ];
}

const SUBMITS_PER_SECOND = 500;
const SUBMIT_EVERY_MS = 100;

/** Submits single tasks at a pace until it is stopped. */
async function submitBeside(db: BenchDatabase): Promise<{ stop(): Promise<void>; rate(): number }> {
  const client = createClient({ url: db.url, notify: false });
  await client.register(elsewhere);
  const began = performance.now();
  let ended: number | undefined;
  let submitted = 0;
  const run = async (): Promise<void> => {
    while (ended === undefined) {
      const late = Math.floor(((performance.now() - began) / 1000) * SUBMITS_PER_SECOND) - submitted;
      // What a machine cannot keep up with is not sent all at once: it would wait for sessions in vain.
      const due = Math.min(late, 2 * (SUBMITS_PER_SECOND / (1000 / SUBMIT_EVERY_MS)));
      await Promise.all(Array.from({ length: due }, () => client.submit(elsewhere, { n: 1 })));
      submitted += due;
      await sleep(SUBMIT_EVERY_MS);
    }
  };
  const running = run();
  // It is awaited when it is stopped; until then its rejection would end the bench, and leave its server behind.
  running.catch(() => undefined);
  return {
    async stop() {
      ended = performance.now();
      await running.finally(() => client.close());
    },
    rate: () => submitted / (((ended ?? performance.now()) - began) / 1000),
  };
}

/** On how many pages of the table the tasks of the first and of the last pages of a walk lie. */
async function tablePages(db: BenchDatabase, { ids, times }: Walked): Promise<{ first: number; last: number }> {
  const count = async (some: readonly string[]): Promise<number> => {
    const [row] = await db.query<{ pages: number }>(
      `SELECT count(DISTINCT (ctid::text::point)[0])::integer AS pages FROM tasker.tasker_tasks WHERE task_id = ANY ($1) /* bench: */`,
      [some],
    );
    return (row?.pages ?? 0) / Math.min(ENDS, times.length);
  };
  return { first: await count(ids.slice(0, ENDS * LIMIT)), last: await count(ids.slice(-ENDS * LIMIT)) };
}

interface Walked {
  what: string;
  times: number[];
  ids: string[];
}

async function walk(
  what: string,
  get: (path: string) => Promise<Answer>,
  path: string,
  tasks: number,
): Promise<Walked> {
  const walked: Walked = { what, times: [], ids: [] };
  let cursor: string | null = '';
  while (cursor !== null && walked.ids.length < tasks) {
    const { ms, body }: Answer = await get(cursor === '' ? path : `${path}&cursor=${encodeURIComponent(cursor)}`);
    walked.times.push(ms);
    for (const { task_id: id } of body.items ?? []) if (id !== undefined) walked.ids.push(id);
    cursor = body.next_cursor ?? null;
  }
  return walked;
}

function figuresOf(
  { what, times, ids }: Walked,
  there: readonly string[],
  { first, last }: { first: number; last: number },
): Walk {
  const seen = new Set(ids);
  return {
    what,
    pages: times.length,
    found: ids.length,
    twice: ids.length - seen.size,
    missed: there.filter((id) => !seen.has(id)).length,
    first: percentile(times.slice(0, ENDS), 50),
    last: percentile(times.slice(-ENDS), 50),
    most: percentile(times, 100),
    firstTablePages: first,
    lastTablePages: last,
  };
}

export function walksTable(walks: readonly Walk[]): Table {
  return {
    title: 'Lists that are walked by their cursors, ms',
    columns: [
      '',
      'pages',
      'tasks',
      'twice',
      'missed',
      `p50 of the first ${ENDS} pages`,
      'of the last',
      'most',
      'pages of the table that the tasks of one of the first lie on',
      'of the last',
    ],
    rows: walks.map(({ what, pages, found, twice, missed, first, last, most, firstTablePages, lastTablePages }) => [
      what,
      pages,
      found,
      twice,
      missed,
      round(first, 1),
      round(last, 1),
      round(most, 1),
      round(firstTablePages),
      round(lastTablePages),
    ]),
  };
}
