import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createClient } from '../../src/index.ts';
import { blockOf, bootstrap, percentText, randomNumbers } from '../support/blocks.ts';
import { free, hasCores, keepOn, keepServerOn, MEASURED_CORE, OTHER_CORE } from '../support/cores.ts';
import { demandHealth } from '../support/drive.ts';
import { startFleet } from '../support/fleet.ts';
import { type Estimate, type PartResult, round, type Table } from '../support/report.ts';
import type { BenchDatabase, BenchServer } from '../support/server.ts';
import { elsewhere, watched } from '../support/workflows.ts';
import { type Arm, LOOKERS, type Lookers, setQuiet, Turns } from './looking/turns.ts';
import { Viewers } from './looking/viewers.ts';
import type { Looking } from './looking/lookers.ts';
import { Durations } from './starts/durations.ts';

/** Open pages alone: what requests for lists cost besides is in the part looking. */
const WATCHING: Looking = { browsers: 50, listsPerSecond: 0 };
/** Of four steps each. */
const TASKS_PER_SECOND = 500;
const PAUSE_MS = 20;
/** The longest that windows take, unless the environment says otherwise. */
const MOST_SECONDS = 240;
const WINDOW_SECONDS = 2;
/** Ids before a window of which steps may be ready in it. */
const EARLIER_TASKS = 2 * TASKS_PER_SECOND;

interface Window {
  arm: Arm;
  /** Times of the database, and its newest tasks at these. */
  from: string;
  until: string;
  after: string;
  upTo: string;
}

interface Block {
  arm: Lookers;
  somebody: Durations;
  nobody: Durations;
}

/** Steps that are ready start as soon as if nobody looked, at a load that leaves the fleet time. */
export async function starts(server: BenchServer, quick: boolean): Promise<PartResult> {
  const most = quick ? 6 : Number(process.env['BENCH_STARTS_SECONDS'] ?? MOST_SECONDS);
  const pinned = hasCores();
  const core = pinned ? MEASURED_CORE : undefined;
  const db = await server.database();
  const client = createClient({ url: db.url, notify: true });
  await client.register(elsewhere);
  await client.register(watched);
  const { taskId } = await client.submit(watched, { n: 1 });
  await setQuiet(db, true);
  if (pinned) {
    keepServerOn(MEASURED_CORE, server.pid);
    keepOn(OTHER_CORE, process.pid);
  }
  const viewers = await Viewers.open(db, taskId, pinned ? OTHER_CORE : undefined);
  const env = { TASKER_QUEUES: 'elsewhere' };
  const fleet = await startFleet({ url: db.url, workers: 2, schedulers: 1, env, core });
  const slow = await startFleet({
    url: db.url,
    workers: 1,
    env: { TASKER_QUEUES: 'watched', TASKER_SLOTS: '2' },
    core,
  });
  const over = new AbortController();
  let windows: Window[][] = [];
  try {
    await viewers.bringIn(WATCHING);
    const submits = submitUntil(over.signal, client);
    // It is awaited below; until then its rejection would end the bench, and leave its server behind.
    submits.catch(() => undefined);
    await sleep(quick ? 1000 : 6000);
    windows = await measureWindows(db, new Turns(viewers, pinned), most);
    over.abort();
    await submits;
    await sleep(2000);
  } finally {
    over.abort();
    await viewers.close();
    await client.close();
    await fleet.stop();
    await slow.stop();
    if (pinned) free(server.pid);
    await setQuiet(db, false);
  }
  await db.query('VACUUM ANALYZE');
  const blocks: Block[] = [];
  for (const block of windows) blocks.push(await blockFrom(db, block));
  await demandHealth(db);
  await db.drop();
  const figures = LOOKERS.map((arm) => figuresOf(arm, blocks));
  return { tables: [tableOf(figures, blocks, pinned)], data: { windowSeconds: WINDOW_SECONDS, figures } };
}

/** Blocks of four. */
async function measureWindows(db: BenchDatabase, turns: Turns, most: number): Promise<Window[][]> {
  const random = randomNumbers();
  const began = performance.now();
  const blocks: Window[][] = [];
  while (performance.now() - began < most * 1000) {
    for (const arm of random() < 0.5 ? LOOKERS : LOOKERS.toReversed()) {
      const windows: Window[] = [];
      for (const one of blockOf<Arm>('nobody', arm, random)) {
        await turns.to(one);
        const before = await momentOf(db);
        await sleep(WINDOW_SECONDS * 1000);
        const after = await momentOf(db);
        windows.push({ arm: one, from: before.at, until: after.at, after: before.newest, upTo: after.newest });
      }
      blocks.push(windows);
    }
    if (blocks.length % 20 === 0)
      console.error(`  ${Math.round((performance.now() - began) / 1000)} s: ${blocks.length} blocks`);
  }
  return blocks;
}

/** The same number of tasks in each second. */
async function submitUntil(over: AbortSignal, client: Client): Promise<void> {
  const began = performance.now();
  for (let sent = 0; !over.aborted;) {
    const due = Math.floor(((performance.now() - began) / 1000) * TASKS_PER_SECOND) + 1;
    const batch = Array.from({ length: due - sent }, (_, index) => ({ input: { n: sent + index } }));
    for await (const _ of client.submitMany(elsewhere, batch)) sent += 1;
    await sleep(PAUSE_MS);
  }
}

async function momentOf(db: BenchDatabase): Promise<{ at: string; newest: string }> {
  const [row] = await db.query<{ at: string; newest: string }>(
    `SELECT clock_timestamp()::text AS at, coalesce(max(task_id), 0)::text AS newest FROM tasker.tasker_tasks /* bench: */`,
  );
  return row as { at: string; newest: string };
}

async function blockFrom(db: BenchDatabase, windows: readonly Window[]): Promise<Block> {
  const block = { arm: LOOKERS[0] as Lookers, somebody: new Durations(), nobody: new Durations() };
  for (const window of windows) {
    const kind = window.arm === 'nobody' ? block.nobody : block.somebody;
    for (const ms of await startsOf(db, window)) kind.add(ms);
    if (window.arm !== 'nobody') block.arm = window.arm;
  }
  return block;
}

/** Milliseconds until the start. A step is ready when the last of its parents is processed, a root when its task is submitted. */
async function startsOf(db: BenchDatabase, { from, until, after, upTo }: Window): Promise<number[]> {
  const rows = await db.query<{ ms: number }>(
    `SELECT extract(epoch FROM r.started - r.ready)::float8 * 1000 AS ms
     FROM (
       SELECT s.last_attempted_at AS started, coalesce((
           SELECT max(p.processed_at)
           FROM tasker.tasker_workflow_step_edges e
           JOIN tasker.tasker_workflow_steps p ON p.task_id = e.task_id AND p.workflow_step_id = e.from_step_id
           WHERE e.task_id = s.task_id AND e.to_step_id = s.workflow_step_id
         ), t.requested_at) AS ready
       FROM tasker.tasker_tasks t
       JOIN tasker.tasker_workflow_steps s ON s.task_id = t.task_id
       WHERE t.task_id > $1::bigint - ${EARLIER_TASKS} AND t.task_id <= $2::bigint AND t.complete AND s.queue = 'elsewhere'
     ) r
     WHERE r.ready >= $3::timestamptz AND r.ready < $4::timestamptz /* bench: */`,
    [after, upTo, from, until],
  );
  return rows.map(({ ms }) => ms);
}

interface Figures {
  arm: Lookers;
  blocks: number;
  steps: number;
  /** Milliseconds while somebody looks and while nobody does, and the change. */
  percentiles: { p: number; somebody: number; nobody: number; change: Estimate }[];
}

function figuresOf(arm: Lookers, all: readonly Block[]): Figures {
  const blocks = all.filter((block) => block.arm === arm);
  const pool = (of: 'somebody' | 'nobody', some: readonly Block[]): Durations =>
    Durations.sum(some.map((block) => block[of]));
  return {
    arm,
    blocks: blocks.length,
    steps: pool('somebody', blocks).count,
    percentiles: [50, 95, 99].map((p) => ({
      p,
      somebody: round(pool('somebody', blocks).percentile(p), 2),
      nobody: round(pool('nobody', blocks).percentile(p), 2),
      change: bootstrap(
        blocks,
        (some) => pool('somebody', some).percentile(p) / pool('nobody', some).percentile(p) - 1,
      ),
    })),
  };
}

function tableOf(figures: readonly Figures[], blocks: readonly Block[], pinned: boolean): Table {
  const where = pinned
    ? 'the fleet and PostgreSQL have one core, those who ask and submit the other'
    : 'all programs share the cores';
  const nobody = Durations.sum(blocks.map((block) => block.nobody));
  return {
    title: `From ready to the start of a step, ms, at ${TASKS_PER_SECOND} tasks (${(TASKS_PER_SECOND * 4).toLocaleString('en-US')} steps) a second, while ${WATCHING.browsers} dashboards are open on a running task of 1,000 steps and ${WATCHING.browsers} on the first page; ${where}. Windows of ${WINDOW_SECONDS} s in turns: change against nobody in the same blocks of four, with its interval of 95 %`,
    columns: ['', 'blocks', 'steps', 'p50', 'change', 'p95', 'change', 'p99', 'change'],
    rows: [
      ['nobody', blocks.length, nobody.count, ...[50, 95, 99].flatMap((p) => [round(nobody.percentile(p), 2), '-'])],
      ...figures.map(({ arm, blocks: own, steps, percentiles }) => [
        arm,
        own,
        steps,
        ...percentiles.flatMap(({ somebody, change }) => [somebody, percentText(change)]),
      ]),
    ],
  };
}
