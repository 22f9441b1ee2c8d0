/** Lists that somebody goes through to their end, page after page. */
import { percentile, round, type Table } from '../../support/report.ts';
import type { BenchDatabase } from '../../support/server.ts';
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
}

/** The newest `tasks` tasks, and a search of the whole history by a value of an input that has no index. */
export async function measureWalks(
  db: BenchDatabase,
  get: (path: string) => Promise<Answer>,
  { newest, tasks, oldest }: { newest: number; tasks: number; oldest: number },
): Promise<Walk[]> {
  const all = await walk(
    `newest ${tasks.toLocaleString('en-US')} tasks, ${LIMIT} in a page`,
    get,
    `/v1/tasks?limit=${LIMIT}`,
    tasks,
  );
  const there = await db.query<{ id: string }>(
    `SELECT task_id::text AS id FROM tasker.tasker_tasks WHERE task_id <= $1::bigint AND task_id > $1::bigint - $2::integer /* bench: */`,
    [newest, tasks],
  );
  const q = encodeURIComponent(`input.order:"order-${oldest}"`);
  const search = await walk(
    `a value of an input without an index, in ${newest.toLocaleString('en-US')} tasks`,
    get,
    `/v1/tasks?limit=50&q=${q}`,
    Number.POSITIVE_INFINITY,
  );
  return [
    figuresOf(
      all,
      there.map(({ id }) => id),
    ),
    figuresOf(search, [String(oldest)]),
  ];
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

function figuresOf({ what, times, ids }: Walked, there: readonly string[]): Walk {
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
  };
}

export function walksTable(walks: readonly Walk[]): Table {
  return {
    title: 'Lists that are walked by their cursors, ms',
    columns: ['', 'pages', 'tasks', 'twice', 'missed', `p50 of the first ${ENDS} pages`, 'of the last', 'most'],
    rows: walks.map(({ what, pages, found, twice, missed, first, last, most }) => [
      what,
      pages,
      found,
      twice,
      missed,
      round(first, 1),
      round(last, 1),
      round(most, 1),
    ]),
  };
}
