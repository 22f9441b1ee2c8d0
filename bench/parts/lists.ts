import { createClient, type Client } from '../../src/index.ts';
import { demandHealth } from '../support/drive.ts';
import { type PartResult, percentile, round, type Table } from '../support/report.ts';
import type { BenchDatabase, BenchServer } from '../support/server.ts';
import { type Drawn, FILTERS } from './lists/filters.ts';
import { loadHistory, workflowName } from './lists/history.ts';

const LIMIT = 50;
const YEAR_MS = 31_557_600_000;

interface Measured {
  filter: string;
  p50: number;
  p95: number;
  /** Of how many pages it was said that they stopped before they were full, and how many tasks a page has. */
  partial: number;
  tasks: number;
}

/** Pages of fifty tasks under every filter, from random places, in a small and in a large history. */
export async function lists(server: BenchServer, quick: boolean): Promise<PartResult> {
  const sizes = quick ? [1000, 10_000] : [10_000, Number(process.env['BENCH_LIST_TASKS'] ?? 10_000_000)];
  const data: { tasks: number; measured: Measured[] }[] = [];
  for (const tasks of sizes) {
    const db = await server.database();
    await loadHistory(db, { tasks, detailed: tasks > 100_000 ? 10 : 1000 });
    data.push({ tasks, measured: await measureLists(db, tasks, quick ? 10 : 200) });
    // Most complete tasks of the large history have no steps, so only the small ones satisfy the doctor.
    if (tasks <= 100_000) await demandHealth(db);
    await db.drop();
  }
  return { tables: [tableOf(data)], data };
}

/** Every filter once in each round, so that whatever else the machine does hits all of them. */
export async function measureLists(db: BenchDatabase, tasks: number, rounds: number): Promise<Measured[]> {
  const client = createClient({ url: db.url, notify: false });
  try {
    const drawn = await drawFrom(db, tasks);
    const samples = Object.keys(FILTERS).map((filter) => ({ filter, ms: [] as number[], partial: 0, tasks: 0 }));
    for (let turn = -2; turn < rounds; turn += 1)
      for (const sample of samples) {
        const { ms, page } = await readPage(client, drawn, sample.filter, tasks, turn % 2 === 0);
        if (turn < 0) continue;
        sample.ms.push(ms);
        sample.tasks += page.tasks.length;
        if (!page.complete) sample.partial += 1;
      }
    return samples.map(({ filter, ms, partial, tasks: found }) => ({
      filter,
      p50: percentile(ms, 50),
      p95: percentile(ms, 95),
      partial: partial / rounds,
      tasks: found / rounds,
    }));
  } finally {
    await client.close();
  }
}

/** A page from the newest task, or from a random one. */
async function readPage(client: Client, drawn: Drawn, filter: string, tasks: number, fromNewest: boolean) {
  const { of, once } = FILTERS[filter] as (typeof FILTERS)[string];
  const place = once === true || fromNewest ? {} : { after: String(1 + drawn.number(tasks)) };
  const options = { ...of(drawn), ...place, limit: LIMIT };
  const started = performance.now();
  const page = await client.taskPage(options);
  return { ms: performance.now() - started, page };
}

/** The same draws in every run. */
export async function drawFrom(db: BenchDatabase, tasks: number): Promise<Drawn> {
  let seed = 42;
  const draw = (): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed / 2 ** 32;
  };
  const known = await db.query<{ id: number; workflow: string }>(
    `SELECT t.task_id::integer AS id, k.name AS workflow
     FROM unnest($1::bigint[]) AS i (id)
     JOIN tasker.tasker_tasks t ON t.task_id = i.id
     JOIN tasker.tasker_named_tasks k ON k.named_task_id = t.named_task_id`,
    [Array.from({ length: 300 }, () => 1 + Math.floor(draw() * tasks))],
  );
  const number = (below: number): number => Math.floor(draw() * below);
  return {
    number,
    time: (from) => new Date(Date.now() - YEAR_MS * (1 - from - draw() * (1 - from))),
    task: () => known[number(known.length)] ?? { id: 1, workflow: workflowName(1) },
  };
}

export function tableOf(data: readonly { tasks: number; measured: readonly Measured[] }[]): Table {
  const [small, large] = data;
  const name = (tasks: number | undefined): string => (tasks ?? 0).toLocaleString('en-US');
  return {
    title: `A page of ${LIMIT} tasks from a random place, in histories of ${name(small?.tasks)} and of ${name(large?.tasks)} tasks, ms`,
    columns: [
      'filter',
      `p50, ${name(small?.tasks)}`,
      'p95',
      `p50, ${name(large?.tasks)}`,
      'p95',
      'tasks in a page',
      'pages cut short, %',
    ],
    rows: Object.keys(FILTERS).map((filter) => {
      const [a, b] = [small, large].map((size) => size?.measured.find((found) => found.filter === filter));
      return [
        filter,
        ...[a?.p50, a?.p95, b?.p50, b?.p95, b?.tasks].map((value) => round(value ?? NaN, 1)),
        round((b?.partial ?? NaN) * 100),
      ];
    }),
  };
}
