import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '../../src/index.ts';
import { loadTasks } from '../../test/support/load-tasks.ts';
import { BUSY, type Fleet, startFleet } from '../support/fleet.ts';
import { type IdleCost, idleCost } from '../support/idle.ts';
import { median, type PartResult, round, type Table } from '../support/report.ts';
import type { BenchDatabase, BenchServer } from '../support/server.ts';
import { cpuSeconds, serverCpuSeconds } from '../support/usage.ts';
import { diamond, watched } from '../support/workflows.ts';
import type { Counts } from './looking/browser.ts';
import { bringIn, closeViewers, LOOKING, NOBODY, openViewers, type Viewers } from './looking/viewers.ts';

/** Who looks, and at which API: that of `elsewhere` gets only what time the fleet leaves, as if it ran on another machine. Browsers always do. */
const ARMS = {
  nobody: NOBODY,
  'looking, the API elsewhere': LOOKING,
  'looking, the API on the same cores': LOOKING,
} as const;
type Arm = keyof typeof ARMS;

/** Each one who looks has nobody before and after, so that what drifts is the same for both. */
const TURNS: readonly Arm[] = ['looking, the API elsewhere', 'nobody', 'looking, the API on the same cores', 'nobody'];

interface Sample {
  arm: Arm;
  stepsPerSecond: number;
  /** Microseconds of PostgreSQL and its API sessions for each step. */
  serverCpu: number;
  /** Seconds of CPU a second. */
  apiSessions: number;
  api: number;
  /** A second. */
  statements: number;
  requests: number;
  events: number;
  failed: number;
  reasons: Counts['reasons'];
  megabytes: number;
}

/** What open dashboards and lists cost a fleet that has more to do than it can; and what the API asks the database while nothing happens. */
export async function looking(server: BenchServer, quick: boolean): Promise<PartResult> {
  const db = await server.database();
  const rounds = quick ? 1 : Number(process.env['BENCH_LOOKING_ROUNDS'] ?? 6);
  const seconds = quick ? 1 : 4;
  const client = createClient({ url: db.url, notify: false });
  const workflow = await client.register(diamond);
  await client.register(watched);
  const { taskId } = await client.submit(watched, { n: 1 });
  await client.close();
  /** Enough for some seconds of the fastest machine. */
  const refill = async (): Promise<void> => {
    const [row] = await db.query<{ ready: number }>(
      `SELECT count(*)::integer AS ready FROM tasker.tasker_workflow_steps s WHERE s.ready_at IS NOT NULL /* bench: */`,
    );
    const missing = (quick ? 20_000 : (seconds + 2) * 9000) - (row?.ready ?? 0);
    if (missing <= 0) return;
    // The fleet takes them when all of them are there, with their history.
    const connection = await db.pool.connect();
    try {
      await connection.query('BEGIN /* bench: */');
      await loadTasks(connection, { namedTaskId: workflow, tasks: missing, progress: [0] });
      await connection.query('COMMIT /* bench: */');
    } finally {
      connection.release();
    }
  };
  await refill();
  await db.query('VACUUM ANALYZE');
  const here = await openViewers(db, taskId);
  const elsewhere = await openViewers(db, taskId, 19);
  try {
    const fleet = await startFleet({ url: db.url, workers: 1, env: { ...BUSY, TASKER_QUEUES: 'default' } });
    const slow = await startFleet({
      url: db.url,
      workers: 1,
      schedulers: 1,
      env: { TASKER_QUEUES: 'watched', TASKER_SLOTS: '2' },
    });
    const samples: Sample[] = [];
    let statements: unknown;
    try {
      await sleep(quick ? 500 : 3000);
      await db.query('SELECT pg_stat_statements_reset() /* bench: */');
      const turns = Array.from({ length: rounds }, (_, round_) => (round_ % 2 === 0 ? TURNS : TURNS.toReversed()));
      // The first of a turn that is reversed comes after the last of the one before.
      const arms = ['nobody' as const, ...turns.flatMap((turn) => turn)].filter(
        (arm, at, all) => arm !== 'nobody' || all[at - 1] !== 'nobody',
      );
      for (const arm of [...arms, 'nobody' as const]) {
        await refill();
        samples.push(await measure(db, server, fleet, arm, arm.endsWith('elsewhere') ? elsewhere : here, seconds));
      }
      statements = await costliest(db);
    } finally {
      await fleet.stop();
      await slow.stop();
    }
    const idle = await measureIdle(db, server, here, quick ? 2 : 20);
    return { tables: [taxTable(samples), idleTable(idle)], data: { samples, statements, idle } };
  } finally {
    for (const who of [here, elsewhere]) await closeViewers(who);
    await db.drop();
  }
}

async function measure(
  db: BenchDatabase,
  server: BenchServer,
  fleet: Fleet,
  arm: Arm,
  who: Viewers,
  seconds: number,
): Promise<Sample> {
  await bringIn(who, ARMS[arm]);
  // Pages are opened, and what the arm before has begun ends. A worker that had nothing to do finds the new tasks.
  const known = await completedSteps(fleet);
  await sleep(2000);
  while ((await completedSteps(fleet)) === known) await sleep(200);
  const [pid = 0] = who.api.pids;
  const read = async () => ({
    steps: await completedSteps(fleet),
    at: performance.now(),
    server: serverCpuSeconds(server.pid),
    sessions: await apiSessions(db),
    api: cpuSeconds(pid),
    statements: await statementsOf(who.api),
  });
  await bringIn(who, ARMS[arm]);
  const before = await read();
  await sleep(seconds * 1000);
  const after = await read();
  const counts = await bringIn(who, NOBODY);
  const elapsed = (after.at - before.at) / 1000;
  const steps = after.steps - before.steps;
  if (steps === 0) throw new Error('the fleet has nothing left to do: it needs more tasks');
  return {
    arm,
    stepsPerSecond: steps / elapsed,
    serverCpu: ((after.server - before.server) / steps) * 1e6,
    apiSessions: secondsBetween(before.sessions, after.sessions) / elapsed,
    api: (after.api - before.api) / elapsed,
    requests: counts.requests / elapsed,
    events: counts.events / elapsed,
    statements: (after.statements - before.statements) / elapsed,
    failed: counts.failed,
    reasons: counts.reasons,
    megabytes: counts.bytes / 1e6 / elapsed,
  };
}

/** Of all processes; the first characters identify a statement. */
async function costliest(db: BenchDatabase): Promise<unknown[]> {
  return db.query(`
    SELECT left(regexp_replace(trim(s.query), '\\s+', ' ', 'g'), 120) AS query, s.calls::float8 AS calls,
      round(s.total_exec_time + s.total_plan_time)::float8 AS ms, round(s.mean_exec_time::numeric, 3)::float8 AS "meanMs"
    FROM pg_stat_statements s
    JOIN pg_database d ON d.oid = s.dbid
    WHERE d.datname = current_database() AND s.toplevel AND s.query NOT LIKE '%bench:%'
    ORDER BY s.total_exec_time + s.total_plan_time DESC
    LIMIT 40 /* bench: */`);
}

/** Seconds of CPU of each session of the API. */
async function apiSessions(db: BenchDatabase): Promise<ReadonlyMap<number, number>> {
  const rows = await db.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'tasker api%' /* bench: */`,
  );
  return new Map(rows.map(({ pid }) => [pid, backendSeconds(pid)]));
}

function backendSeconds(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e9;
  } catch {
    return 0;
  }
}

/** Of those that have not ended meanwhile; what is new has begun meanwhile. */
function secondsBetween(before: ReadonlyMap<number, number>, after: ReadonlyMap<number, number>): number {
  let sum = 0;
  for (const [pid, seconds] of after) sum += seconds - (before.get(pid) ?? 0);
  return sum;
}

/** By the worker's own count. */
const completedSteps = (fleet: Fleet): Promise<number> => sumOf(fleet, 'tasker_step_attempts_total');

/** By the count of the API. */
const statementsOf = (api: Fleet): Promise<number> => sumOf(api, 'tasker_statement_duration_seconds_count');

async function sumOf({ urls }: Fleet, metric: string): Promise<number> {
  const text = await (await fetch(`${urls[0]}/metrics`)).text();
  let sum = 0;
  for (const [, value] of text.matchAll(new RegExp(`^${metric}\\{[^}]*\\} (\\d+)`, 'gm'))) sum += Number(value);
  return sum;
}

/** The fleet has stopped, and nothing changes. */
async function measureIdle(
  db: BenchDatabase,
  server: BenchServer,
  who: Viewers,
  seconds: number,
): Promise<{ browsers: number; cost: IdleCost }[]> {
  const results: { browsers: number; cost: IdleCost }[] = [];
  for (const browsers of [0, 1, 50]) {
    await bringIn(who, { browsers, listsPerSecond: 0 });
    await sleep(2000);
    // A page reads by itself twice a minute.
    results.push({ browsers, cost: await idleCost(db, server, who.api.pids, browsers === 0 ? 2 : seconds) });
  }
  await bringIn(who, NOBODY);
  return results;
}

function taxTable(samples: readonly Sample[]): Table {
  const of = (arm: Arm, figure: (sample: Sample) => number): number =>
    median(samples.filter((sample) => sample.arm === arm).map(figure));
  /** How much more or less than the mean of nobody before and after: the median of all, in percent. */
  const changed = (arm: Arm, figure: (sample: Sample) => number): string => {
    if (arm === 'nobody') return '-';
    const ratios = samples.flatMap((sample, at) => {
      const [before, after] = [samples[at - 1], samples[at + 1]];
      if (sample.arm !== arm || before === undefined || after === undefined) return [];
      return [figure(sample) / ((figure(before) + figure(after)) / 2)];
    });
    const percent = round((median(ratios) - 1) * 100, 1);
    return `${percent > 0 ? '+' : ''}${percent} %`;
  };
  const pairs = samples.filter(({ arm }) => arm !== 'nobody').length / 2;
  const rows = (Object.keys(ARMS) as Arm[]).map((arm) => [
    arm,
    round(of(arm, ({ stepsPerSecond }) => stepsPerSecond)),
    changed(arm, ({ stepsPerSecond }) => stepsPerSecond),
    round(
      of(arm, ({ serverCpu }) => serverCpu),
      1,
    ),
    changed(arm, ({ serverCpu }) => serverCpu),
    round(of(arm, ({ apiSessions: own }) => own) * 1000),
    round(of(arm, ({ api }) => api) * 1000),
    round(
      of(arm, ({ statements }) => statements),
      1,
    ),
    round(of(arm, ({ requests }) => requests)),
    round(of(arm, ({ events }) => events)),
    round(
      of(arm, ({ megabytes }) => megabytes),
      1,
    ),
    samples.filter((sample) => sample.arm === arm).reduce((sum, { failed }) => sum + failed, 0),
  ]);
  return {
    title: `${LOOKING.browsers} dashboards on a running task of 1,000 steps, ${LOOKING.browsers} on the first page, and ${LOOKING.listsPerSecond} requests a second for lists, beside a fleet that has more to do than it can (medians of ${pairs} pairs)`,
    columns: [
      '',
      'steps/s',
      'against nobody before and after',
      'PostgreSQL, CPU µs/step',
      'against nobody',
      'sessions of the API, CPU ms/s',
      'process of the API, CPU ms/s',
      'statements of the API/s',
      'requests/s',
      'events/s',
      'MB/s',
      'failed',
    ],
    rows,
  };
}

function idleTable(idle: readonly { browsers: number; cost: IdleCost }[]): Table {
  return {
    title: 'The API while nothing happens',
    columns: [
      'dashboards on a task, and on the first page',
      'statements/s',
      'PostgreSQL, % of a core',
      'the API, % of a core',
    ],
    rows: idle.map(({ browsers, cost }) => [
      browsers === 0 ? 'none' : `${browsers} and ${browsers}`,
      round(cost.statements, 1),
      round(cost.serverCpu, 2),
      round(cost.processCpu, 2),
    ]),
  };
}
