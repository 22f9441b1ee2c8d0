import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '../../src/index.ts';
import { loadTasks } from '../../test/support/load-tasks.ts';
import { demandHealth } from '../support/drive.ts';
import { startFleet } from '../support/fleet.ts';
import { type PartResult, percentile, round, type Table } from '../support/report.ts';
import type { BenchDatabase, BenchServer } from '../support/server.ts';
import { drawFrom } from './lists.ts';
import { diamond, elsewhere } from '../support/workflows.ts';
import type { Drawn } from './lists/filters.ts';
import { enterDirectory, loadHistory, workflowName } from './lists/history.ts';
import { type Address, ADDRESSES, BLOCKED, READY } from './pages/addresses.ts';
import { measureWalks, walksTable } from './pages/walks.ts';

/** Of a list, from the first page on. */
const PAGES = 5;
/** The API reads the same thing again this soon, however much it is asked for; that wait is no cost of a page. */
const ROUND_MS = 2100;

const PURGED_AT_ONCE = 5000;

interface Measured {
  what: string;
  /** Milliseconds of each response, from the request to its last byte. */
  ms: number[];
  bytes: number;
  /** Responses of which it was said that they stopped before they were full. */
  partial: number;
}

interface Statement {
  query: string;
  calls: number;
  meanMs: number;
  mostMs: number;
  /** Of 8 kB, that a call has read. */
  pages: number;
}

/** Every list of the HTTP API over HTTP, page after page, in millions of ended tasks with some that are blocked and beside many that are ready; and what the database ran for it. */
export async function pages(server: BenchServer, quick: boolean): Promise<PartResult> {
  const { tasks, ready } = sizes(quick);
  const db = await openPages(server, quick);
  const fleet = await startFleet({ url: db.url, apis: 1, env: { TASKER_API_REQUESTS_PER_SECOND: '0' } });
  try {
    const rounds = quick ? 2 : 25;
    const url = fleet.apiUrls[0] as string;
    const drawn = await drawFrom(db, tasks);
    const blocked = await db.query<{ id: string }>(
      `SELECT task_id AS id FROM tasker.tasker_workflow_steps WHERE blocked_at IS NOT NULL LIMIT 500 /* bench: */`,
    );
    await db.query('SELECT pg_stat_statements_reset() /* bench: */');
    const measured = [
      ...(await ask(url, ADDRESSES, rounds, { drawn, id: () => String(drawn.task().id) })),
      ...(await ask(url, BLOCKED, rounds, { drawn, id: () => blocked[drawn.number(blocked.length)]?.id ?? '1' })),
      ...(await ask(url, READY, rounds, { drawn, id: () => String(tasks + 1 + drawn.number(ready)) })),
    ];
    const statements = await longest(db);
    const walks = await measureWalks({
      db,
      get: (path) => get(`${url}${path}`),
      tasks: quick ? 2000 : 1_000_000,
      oldest: 1,
    });
    if (tasks <= 100_000) await demandHealth(db);
    const name = (count: number): string => count.toLocaleString('en-US');
    const where = `in a history of ${name(tasks)} tasks, of which one in 100 is blocked, beside ${name(ready)} ready steps: lists page by page`;
    return {
      tables: [pagesTable(measured, where), statementsTable(statements), walksTable(walks)],
      data: { tasks, ready, measured, statements, walks },
    };
  } finally {
    await fleet.stop();
    await db.drop();
  }
}

/** Loads what `pages` measures, without measuring anything. */
export async function loadPages(server: BenchServer, quick: boolean): Promise<void> {
  await (await openPages(server, quick)).drop();
}

const sizes = (quick: boolean): { tasks: number; ready: number } =>
  quick
    ? { tasks: 10_000, ready: 2000 }
    : {
        tasks: Number(process.env['BENCH_PAGES_TASKS'] ?? 10_000_000),
        ready: Number(process.env['BENCH_PAGES_READY'] ?? 1_000_000),
      };

async function openPages(server: BenchServer, quick: boolean): Promise<BenchDatabase> {
  const { tasks, ready } = sizes(quick);
  const db = await server.filledDatabase(`pages_${tasks}_${ready}`, async (empty) => {
    // One in a hundred is blocked: a hundred thousand of ten million.
    await loadHistory(empty, { tasks, detailed: tasks > 100_000 ? 10 : 1000, failing: 10_000 });
    await addActs(empty);
    await addReady(empty, ready);
    await enterDirectory(empty.url);
    await empty.query('VACUUM ANALYZE');
  });
  await removeSubmitted(db);
  await addWorkers(db);
  return db;
}

/** Of an earlier measurement in the same database, which submitted tasks beside a walk. */
async function removeSubmitted(db: BenchDatabase): Promise<void> {
  const rows = await db.query<{ id: string }>(
    `SELECT t.task_id::text AS id FROM tasker.tasker_tasks t JOIN tasker.tasker_named_tasks k USING (named_task_id) WHERE k.name = $1 /* bench: */`,
    [elsewhere.name],
  );
  if (rows.length === 0) return;
  const client = createClient({ url: db.url, notify: false });
  try {
    for (let from = 0; from < rows.length; from += PURGED_AT_ONCE) {
      const taskIds = rows.slice(from, from + PURGED_AT_ONCE).map(({ id }) => id);
      await client.purge({ taskIds }, { open: true, by: 'bench', reason: 'submitted by a measurement' });
    }
  } finally {
    await client.close();
  }
  await db.query('VACUUM ANALYZE');
}

/** What operators leave behind: the audit of years, a bulk operation over the failures. */
async function addActs(db: BenchDatabase): Promise<void> {
  await db.query(`
    INSERT INTO tasker.tasker_audit (at, act, subject, subject_id, by, reason, outcome, refused)
    SELECT clock_timestamp() - i * interval '1 minute', 'task.retry', 'task', i::text, 'user-' || i % 50, 'a reason', 'retried', false
    FROM generate_series(1, 100000) AS i`);
  const client = createClient({ url: db.url, notify: false });
  try {
    const filter = { namespace: 'lists', workflow: workflowName(1), states: ['error'] } as const;
    await client.operations.preview({ action: 'retry', filter, by: 'bench', reason: 'a preview of all failures' });
  } finally {
    await client.close();
  }
}

/** Anew for each measurement: those of an earlier one have died since. */
async function addWorkers(db: BenchDatabase): Promise<void> {
  await db.query(`DELETE FROM tasker.tasker_workers WHERE name LIKE 'bench-%'`);
  await db.query(`
    INSERT INTO tasker.tasker_workers (role, name, version, queues, slots, lease_seconds, lease_expires_at)
    SELECT 'worker', 'bench-' || i, '0', '{default}', 20, 600, clock_timestamp() + interval '1 hour' FROM generate_series(1, 20) AS i`);
}

/** Tasks that wait for their turn, the newest ones, each with a ready step. */
async function addReady(db: BenchDatabase, ready: number): Promise<void> {
  const client = createClient({ url: db.url, notify: false });
  const workflow = await client.register(diamond);
  await client.close();
  await loadTasks(db.pool, { namedTaskId: workflow, tasks: ready, progress: [0] });
}

/** Every address once in each round, so that whatever else the machine does hits all of them. */
async function ask(
  url: string,
  addresses: Readonly<Record<string, Address>>,
  rounds: number,
  { drawn, id }: { drawn: Drawn; id(): string },
): Promise<Measured[]> {
  const measured = new Map<string, Measured>();
  for (let turn = -1; turn < rounds; turn += 1) {
    const again = sleep(ROUND_MS);
    for (const [what, { path, listed }] of inRound(addresses)) {
      const address = path(drawn, id());
      let cursor: string | null | undefined;
      for (let page = 1; page <= (listed === true ? PAGES : 1) && cursor !== null; page += 1) {
        const got = await get(`${url}${cursor === undefined ? address : withCursor(address, cursor)}`);
        cursor = got.body.next_cursor ?? null;
        // What was kept for a moment says nothing about what it costs.
        if (turn < 0 || got.kept) continue;
        const one = measured.get(what) ?? { what, ms: [], bytes: 0, partial: 0 };
        measured.set(what, one);
        one.ms.push(got.ms);
        one.bytes += got.bytes;
        if (got.body.complete === false) one.partial += 1;
      }
    }
    await again;
  }
  return [...measured.values()];
}

/** What is about a task is asked of several: so it has as many figures as a list, which has pages. */
const inRound = (addresses: Readonly<Record<string, Address>>): [string, Address][] =>
  Object.entries(addresses).flatMap((entry) => Array.from({ length: entry[1].times ?? 1 }, () => entry));

const withCursor = (address: string, cursor: string): string =>
  `${address}${address.includes('?') ? '&' : '?'}cursor=${encodeURIComponent(cursor)}`;

/** A response, from the request to its last byte. `kept`: for whoever asked a moment before. */
export interface Answer {
  ms: number;
  bytes: number;
  kept: boolean;
  body: { next_cursor?: string | null; complete?: boolean; items?: { task_id?: string }[] };
}

async function get(address: string): Promise<Answer> {
  const began = performance.now();
  const response = await fetch(address);
  const text = await response.text();
  const ms = performance.now() - began;
  if (response.status !== 200) throw new Error(`${address}: ${response.status} ${text}`);
  return { ms, bytes: text.length, kept: response.headers.has('age'), body: JSON.parse(text) as Answer['body'] };
}

/** Those of the API, the slowest first. */
async function longest(db: BenchDatabase): Promise<Statement[]> {
  return db.query<Statement & Record<string, unknown>>(`
    SELECT regexp_replace(s.query, '\\s+', ' ', 'g') AS query, s.calls::float8 AS calls, s.mean_exec_time AS "meanMs",
      s.max_exec_time AS "mostMs", (s.shared_blks_hit + s.shared_blks_read)::float8 / s.calls AS pages
    FROM pg_stat_statements s
    JOIN pg_database d ON d.oid = s.dbid
    WHERE d.datname = current_database() AND s.toplevel AND s.query NOT LIKE '%bench:%'
    ORDER BY s.max_exec_time DESC /* bench: */`);
}

function pagesTable(measured: readonly Measured[], where: string): Table {
  return {
    title: `Responses of the HTTP API ${where}, ms`,
    columns: ['', 'responses', 'p50', 'p95', 'most', 'kB', 'cut short, %'],
    rows: measured.map(({ what, ms, bytes, partial }) => [
      what,
      ms.length,
      round(percentile(ms, 50), 1),
      round(percentile(ms, 95), 1),
      round(percentile(ms, 100), 1),
      round(bytes / ms.length / 1000, 1),
      round((partial / ms.length) * 100),
    ]),
  };
}

function statementsTable(statements: readonly Statement[]): Table {
  return {
    title: `The slowest of the ${statements.length} statements that it sent`,
    columns: ['', 'calls', 'mean ms', 'most ms', 'pages of 8 kB a call'],
    rows: statements
      .slice(0, 12)
      .map(({ query, calls, meanMs, mostMs, pages: read }) => [
        `\`${query.trim().slice(0, 90).replaceAll('|', '¦').replaceAll('`', '')}\``,
        calls,
        round(meanMs, 1),
        round(mostMs, 1),
        round(read),
      ]),
  };
}
