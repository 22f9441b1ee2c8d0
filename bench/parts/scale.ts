import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '../../src/index.ts';
import { type Database, openDatabase } from '../../src/db/connections/database.ts';
import { claim } from '../../src/engine/claim.ts';
import { complete } from '../../src/engine/complete.ts';
import { extendHistoryAhead } from '../../src/scheduler/chores/extend-history.ts';
import { loadTasks } from '../../test/support/load-tasks.ts';
import { demandHealth } from '../support/drive.ts';
import { type PartResult, percentile, round, type Table } from '../support/report.ts';
import type { BenchDatabase, BenchServer } from '../support/server.ts';
import { diamond, single } from '../support/workflows.ts';

const BATCH = 64;
const CHUNK = 300_000;
/** The newest tasks, which people and programs ask for. Their pages fit into memory whatever the size of the history. */
const RECENT = 10_000;
/** In which the pages are counted, after those that are timed: counting takes time. */
const COUNTED_TURNS = 20;

interface Measured {
  tasks: number;
  transitions: number;
  partitions: number;
  gigabytes: number;
  /** Milliseconds of each turn. */
  samples: Record<string, number[]>;
  /** Pages of tables and indexes that one of them visits, in memory or not. */
  pages: Record<string, number>;
}

/** A claim, a completion, one task's context and a page of tasks, in a small and in a large history, with its partitions. */
export async function scale(server: BenchServer, quick: boolean): Promise<PartResult> {
  const sizes = quick ? [1000, 10_000] : [10_000, Number(process.env['BENCH_SCALE_TASKS'] ?? 10_000_000)];
  const data: Measured[] = [];
  for (const tasks of sizes) data.push(await measure(server, tasks, quick ? 10 : 200));
  return { tables: [tableOf(data)], data };
}

async function measure(server: BenchServer, tasks: number, turns: number): Promise<Measured> {
  const db = await server.database();
  const database = openDatabase({ url: db.url, poolSize: 2, applicationName: 'bench scale', plans: 'pinned' });
  const client = createClient({ url: db.url, notify: false });
  try {
    const workflows = { single: await client.register(single), diamond: await client.register(diamond) };
    await loadHistory(db, database, workflows, tasks);
    // What is claimed comes last, as in a fleet that keeps up.
    await loadTasks(db.pool, {
      namedTaskId: workflows.single,
      tasks: BATCH * (turns + 2 + COUNTED_TURNS),
      progress: [0],
    });
    await db.query('VACUUM ANALYZE');
    // Gigabytes were just loaded: writing them to the disk is no cost of a claim.
    await db.query('CHECKPOINT');
    await sleep(tasks > CHUNK ? 10_000 : 0);
    const size = await sizeNow(db);
    const measured = await takeTurns(db, database, { workflow: workflows.single, tasks, turns });
    if (tasks <= 100_000) await demandHealth(db);
    return { tasks, ...size, ...measured };
  } finally {
    await client.close();
    await database.close();
    await db.drop();
  }
}

/** One task in six is a diamond, so that a task has five transitions. */
async function loadHistory(
  db: BenchDatabase,
  database: Database,
  workflows: { single: number; diamond: number },
  tasks: number,
): Promise<void> {
  const extend = extendHistoryAhead({ db: database, onMissing: (error) => void console.error(error.message) });
  for (let loaded = 0; loaded < tasks; loaded += CHUNK) {
    const count = Math.min(CHUNK, tasks - loaded);
    const diamonds = Math.round(count / 6);
    await loadTasks(db.pool, { namedTaskId: workflows.diamond, tasks: diamonds, progress: [-1] });
    await loadTasks(db.pool, { namedTaskId: workflows.single, tasks: count - diamonds, progress: [-1] });
    await extend.run();
    if (loaded % (CHUNK * 5) === 0 && tasks > CHUNK)
      console.error(`  ${(loaded + count).toLocaleString('en-US')} tasks`);
  }
}

async function sizeNow(db: BenchDatabase): Promise<{ transitions: number; partitions: number; gigabytes: number }> {
  const [row] = await db.query<{ transitions: number; partitions: number; bytes: number }>(`
    SELECT sum(c.reltuples) FILTER (WHERE c.relname LIKE '%transitions%')::float8 AS transitions,
      count(*) FILTER (WHERE c.relispartition)::integer AS partitions,
      sum(pg_total_relation_size(c.oid))::float8 AS bytes
    FROM pg_class c
    WHERE c.relnamespace = 'tasker'::regnamespace AND c.relkind = 'r'`);
  if (row === undefined) throw new Error('the schema has no tables');
  return { transitions: Math.round(row.transitions), partitions: row.partitions, gigabytes: row.bytes / 1e9 };
}

/** What is measured, by name: a step of a turn each. */
type Operations = Record<string, () => Promise<unknown>>;

async function takeTurns(
  db: BenchDatabase,
  database: Database,
  { workflow, tasks, turns }: { workflow: number; tasks: number; turns: number },
): Promise<Pick<Measured, 'samples' | 'pages'>> {
  const [worker] = await db.query<{ worker_id: string }>(`
    INSERT INTO tasker.tasker_workers (role, name, version, lease_seconds, lease_expires_at)
    VALUES ('worker', 'bench', '0', 600, clock_timestamp() + interval '1 hour') RETURNING worker_id`);
  const client = createClient({ url: db.url, notify: false });
  const recent = {
    ...batchOf(database, { workflow, workerId: worker?.worker_id as string }),
    ...readsOf(db, client, 'recent', () => String(tasks - Math.floor(Math.random() * Math.min(RECENT, tasks)))),
  };
  const any = readsOf(db, client, 'any', () => String(1 + Math.floor(Math.random() * tasks)));
  try {
    // One after the other: reads of any task replace what the others have in the memory of PostgreSQL.
    const samples = { ...(await time(recent, turns)), ...(await time(any, turns)) };
    return { samples, pages: await countPages(db, { ...recent, ...any }) };
  } finally {
    await client.close();
  }
}

function batchOf(database: Database, { workflow, workerId }: { workflow: number; workerId: string }): Operations {
  let claimed: Awaited<ReturnType<typeof claim>> = [];
  return {
    [`a claim of ${BATCH} steps`]: async () => {
      claimed = await claim(database, { workerId, queue: 'default', namedTaskIds: [workflow], limit: BATCH });
      if (claimed.length !== BATCH) throw new Error(`claimed ${claimed.length} steps instead of ${BATCH}`);
    },
    [`a completion of ${BATCH} steps`]: () =>
      complete(database, {
        workerId,
        completions: claimed.map((step) => ({ ...step, result: '{"ok":true}' })),
        claimLimit: 0,
        queues: ['default'],
        namedTaskIds: [workflow],
      }),
  };
}

/** `any`: of the whole history, so from the disk cache of the system if the history is larger than the memory of PostgreSQL. */
function readsOf(
  db: BenchDatabase,
  client: ReturnType<typeof createClient>,
  which: 'recent' | 'any',
  id: () => string,
): Operations {
  const context = 'SELECT * FROM tasker.tasker_task_execution_contexts WHERE task_id = $1';
  return {
    [`the context of ${which === 'any' ? 'any' : 'a recent'} task`]: () => db.query(context, [id()]),
    [`${which === 'any' ? 'any' : 'a recent'} task with its steps and history`]: () => client.getTask(id()),
    [`a page of 50 tasks from ${which === 'any' ? 'any' : 'a recent'} one on`]: () => client.taskPage({ after: id() }),
  };
}

/** Each turn does each of them once. */
async function time(operations: Operations, turns: number): Promise<Measured['samples']> {
  const samples: Measured['samples'] = {};
  for (let turn = -2; turn < turns; turn += 1) {
    for (const [name, work] of Object.entries(operations)) {
      const started = performance.now();
      await work();
      if (turn >= 0) (samples[name] ??= []).push(performance.now() - started);
    }
  }
  return samples;
}

async function countPages(db: BenchDatabase, operations: Operations): Promise<Measured['pages']> {
  const pages: Measured['pages'] = {};
  for (let turn = 0; turn < COUNTED_TURNS; turn += 1) {
    for (const [name, work] of Object.entries(operations)) {
      await db.query('SELECT pg_stat_statements_reset()');
      await work();
      const [row] = await db.query<{ pages: number }>(`
        SELECT sum(s.shared_blks_hit + s.shared_blks_read)::float8 AS pages
        FROM pg_stat_statements s
        WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND s.query NOT LIKE '%pg_stat_statements%'`);
      pages[name] = (pages[name] ?? 0) + (row?.pages ?? 0) / COUNTED_TURNS;
    }
  }
  return pages;
}

function tableOf(data: readonly Measured[]): Table {
  const name = ({ tasks, transitions, partitions, gigabytes }: Measured): string =>
    `${tasks.toLocaleString('en-US')} tasks, ${transitions.toLocaleString('en-US')} transitions in ${partitions} partitions, ${round(gigabytes, 1)} GB`;
  const [small, large] = data;
  const title = `The cost of history, ms: ${data.map(name).join('; ')}`;
  return {
    title,
    columns: [
      '',
      `p50, ${small?.tasks.toLocaleString('en-US')} tasks`,
      'p95',
      'pages',
      `p50, ${large?.tasks.toLocaleString('en-US')}`,
      'p95',
      'pages',
    ],
    rows: Object.keys(small?.samples ?? {}).map((what) => [
      what,
      ...[small, large].flatMap((size) => {
        const samples = size?.samples[what] ?? [];
        return [round(percentile(samples, 50), 2), round(percentile(samples, 95), 2), round(size?.pages[what] ?? 0, 0)];
      }),
    ]),
  };
}
