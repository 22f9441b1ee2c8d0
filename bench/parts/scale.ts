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

interface Measured {
  tasks: number;
  transitions: number;
  partitions: number;
  gigabytes: number;
  /** Milliseconds of each turn. */
  samples: Record<string, number[]>;
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
    await loadTasks(db.pool, { namedTaskId: workflows.single, tasks: BATCH * (turns + 2), progress: [0] });
    await db.query('VACUUM ANALYZE');
    const size = await sizeNow(db);
    const samples = await takeTurns(db, database, { workflow: workflows.single, tasks, turns });
    if (tasks <= 100_000) await demandHealth(db);
    return { tasks, ...size, samples };
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

/** Each turn does each of them once. */
async function takeTurns(
  db: BenchDatabase,
  database: Database,
  { workflow, tasks, turns }: { workflow: number; tasks: number; turns: number },
): Promise<Record<string, number[]>> {
  const samples: Record<string, number[]> = {};
  const timed = async <T>(name: string, turn: number, work: () => Promise<T>): Promise<T> => {
    const started = performance.now();
    const result = await work();
    if (turn >= 0) (samples[name] ??= []).push(performance.now() - started);
    return result;
  };
  const [worker] = await db.query<{ worker_id: string }>(`
    INSERT INTO tasker.tasker_workers (role, name, version, lease_seconds, lease_expires_at)
    VALUES ('worker', 'bench', '0', 600, clock_timestamp() + interval '1 hour') RETURNING worker_id`);
  const workerId = worker?.worker_id as string;
  const client = createClient({ url: db.url, notify: false });
  const random = (): string => String(1 + Math.floor(Math.random() * tasks));
  try {
    for (let turn = -2; turn < turns; turn += 1) {
      const claimed = await timed(`a claim of ${BATCH} steps`, turn, () =>
        claim(database, { workerId, queue: 'default', namedTaskIds: [workflow], limit: BATCH }),
      );
      if (claimed.length !== BATCH) throw new Error(`claimed ${claimed.length} steps instead of ${BATCH}`);
      await timed(`a completion of ${BATCH} steps`, turn, () =>
        complete(database, {
          workerId,
          completions: claimed.map((step) => ({ ...step, result: '{"ok":true}' })),
          claimLimit: 0,
          queues: ['default'],
          namedTaskIds: [workflow],
        }),
      );
      const context = 'SELECT * FROM tasker.tasker_task_execution_contexts WHERE task_id = $1';
      await timed(`the context of a task`, turn, () => db.query(context, [random()]));
      await timed('a task with its steps and history', turn, () => client.getTask(random()));
      await timed('a page of 50 tasks', turn, () => client.taskPage({ after: random() }));
    }
  } finally {
    await client.close();
  }
  return samples;
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
      `p50, ${large?.tasks.toLocaleString('en-US')}`,
      'p95',
    ],
    rows: Object.keys(small?.samples ?? {}).map((what) => [
      what,
      ...[small, large].flatMap((size) => {
        const samples = size?.samples[what] ?? [];
        return [round(percentile(samples, 50), 2), round(percentile(samples, 95), 2)];
      }),
    ]),
  };
}
