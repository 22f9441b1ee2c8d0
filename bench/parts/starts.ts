import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createClient } from '../../src/index.ts';
import { demandHealth } from '../support/drive.ts';
import { startFleet } from '../support/fleet.ts';
import { type PartResult, percentile, round, type Table } from '../support/report.ts';
import type { BenchDatabase, BenchServer } from '../support/server.ts';
import { elsewhere, watched } from '../support/workflows.ts';
import { bringIn, closeViewers, LOOKING, NOBODY, openViewers } from './looking/viewers.ts';

const ARMS = ['nobody', 'looking, the API elsewhere', 'looking, the API on the same cores'] as const;
type Arm = (typeof ARMS)[number];

/** Of four steps each. */
const TASKS_PER_SECOND = 500;
const PAUSE_MS = 20;

/** One arm for some seconds. */
interface Turn {
  arm: Arm;
  /** The tasks that were submitted in it. */
  after: string;
  upTo: string;
}

/** The steps of all turns of an arm. Milliseconds from ready to the start. */
interface Starts {
  arm: Arm;
  steps: number;
  p50: number;
  p95: number;
  p99: number;
  /** p99 of each turn. */
  turns: number[];
}

/** Steps that are ready start as soon as if nobody looked, at a load that leaves the fleet time. */
export async function starts(server: BenchServer, quick: boolean): Promise<PartResult> {
  const rounds = quick ? 1 : Number(process.env['BENCH_STARTS_ROUNDS'] ?? 5);
  const seconds = quick ? 1 : 8;
  const db = await server.database();
  const client = createClient({ url: db.url, notify: true });
  await client.register(elsewhere);
  await client.register(watched);
  const { taskId } = await client.submit(watched, { n: 1 });
  const [here, apart] = [await openViewers(db, taskId), await openViewers(db, taskId, 19)];
  const fleet = await startFleet({ url: db.url, workers: 2, schedulers: 1, env: { TASKER_QUEUES: 'elsewhere' } });
  const slow = await startFleet({ url: db.url, workers: 1, env: { TASKER_QUEUES: 'watched', TASKER_SLOTS: '2' } });
  const turns: Turn[] = [];
  try {
    await sleep(quick ? 500 : 3000);
    await submitFor(client, 2);
    for (let turn = 0; turn < rounds; turn += 1)
      for (const arm of turn % 2 === 0 ? ARMS : ARMS.toReversed()) {
        await bringIn(here, arm === 'looking, the API on the same cores' ? LOOKING : NOBODY);
        await bringIn(apart, arm === 'looking, the API elsewhere' ? LOOKING : NOBODY);
        await submitFor(client, 2);
        const after = await newestTask(db);
        await submitFor(client, seconds);
        turns.push({ arm, after, upTo: await newestTask(db) });
      }
    await sleep(2000);
  } finally {
    await client.close();
    await fleet.stop();
    await slow.stop();
    for (const who of [here, apart]) await closeViewers(who);
  }
  const samples: { arm: Arm; ms: number[] }[] = [];
  for (const turn of turns) samples.push({ arm: turn.arm, ms: await startsOf(db, turn) });
  await demandHealth(db);
  await db.drop();
  const figures = ARMS.map((arm) =>
    figuresOf(
      arm,
      samples.filter((sample) => sample.arm === arm).map(({ ms }) => ms),
    ),
  );
  return { tables: [tableOf(figures)], data: figures };
}

function figuresOf(arm: Arm, turns: readonly number[][]): Starts {
  const all = turns.flat();
  const of = (ms: readonly number[], p: number): number => round(percentile(ms, p), 2);
  return {
    arm,
    steps: all.length,
    p50: of(all, 50),
    p95: of(all, 95),
    p99: of(all, 99),
    turns: turns.map((ms) => of(ms, 99)),
  };
}

async function submitFor(client: Client, seconds: number): Promise<void> {
  const began = performance.now();
  for (let sent = 0; performance.now() - began < seconds * 1000;) {
    const due = Math.floor(((performance.now() - began) / 1000) * TASKS_PER_SECOND) + 1;
    const batch = Array.from({ length: due - sent }, (_, index) => ({ input: { n: sent + index } }));
    for await (const _ of client.submitMany(elsewhere, batch)) sent += 1;
    await sleep(PAUSE_MS);
  }
}

async function newestTask(db: BenchDatabase): Promise<string> {
  const [row] = await db.query<{ id: string }>(`SELECT max(task_id)::text AS id FROM tasker.tasker_tasks /* bench: */`);
  return row?.id ?? '0';
}

/** A step is ready when the last of its parents is processed, a root when its task is submitted. */
async function startsOf(db: BenchDatabase, { after, upTo }: Turn): Promise<number[]> {
  const rows = await db.query<{ ms: number }>(
    `SELECT extract(epoch FROM s.last_attempted_at - coalesce((
         SELECT max(p.processed_at)
         FROM tasker.tasker_workflow_step_edges e
         JOIN tasker.tasker_workflow_steps p ON p.task_id = e.task_id AND p.workflow_step_id = e.from_step_id
         WHERE e.task_id = s.task_id AND e.to_step_id = s.workflow_step_id
       ), t.requested_at))::float8 * 1000 AS ms
     FROM tasker.tasker_tasks t
     JOIN tasker.tasker_workflow_steps s ON s.task_id = t.task_id
     WHERE t.task_id > $1::bigint AND t.task_id <= $2::bigint AND t.complete AND s.queue = 'elsewhere' /* bench: */`,
    [after, upTo],
  );
  return rows.map(({ ms }) => ms);
}

function tableOf(figures: readonly Starts[]): Table {
  const alone = figures.find(({ arm }) => arm === 'nobody')?.p99 ?? NaN;
  return {
    title: `From ready to the start of a step, ms, at ${TASKS_PER_SECOND} tasks (${(TASKS_PER_SECOND * 4).toLocaleString('en-US')} steps) a second, while ${LOOKING.browsers} dashboards are open on a running task of 1,000 steps, ${LOOKING.browsers} on the first page, and there are ${LOOKING.listsPerSecond} requests a second for lists`,
    columns: ['', 'steps', 'p50', 'p95', 'p99', 'p99 against nobody', 'p99 of single turns'],
    rows: figures.map(({ arm, steps, p50, p95, p99, turns }) => [
      arm,
      steps,
      p50,
      p95,
      p99,
      arm === 'nobody' ? '-' : `${p99 < alone ? '' : '+'}${round((p99 / alone - 1) * 100, 1)} %`,
      `${Math.min(...turns)} to ${Math.max(...turns)}`,
    ]),
  };
}
