import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '../../src/index.ts';
import { loadTasks } from '../../test/support/load-tasks.ts';
import { BUSY, type Fleet, startFleet } from '../support/fleet.ts';
import { type IdleCost, idleCost } from '../support/idle.ts';
import { changeText, median, type PartResult, round, type Table } from '../support/report.ts';
import type { BenchDatabase, BenchServer } from '../support/server.ts';
import { cpuSeconds, serverCpuSeconds } from '../support/usage.ts';
import { diamond, watched } from '../support/workflows.ts';
import { type Counts, zero } from './looking/browser.ts';
import { bringIn, closeViewers, LOOKING, NOBODY, openViewers, type Viewers } from './looking/viewers.ts';

/** Who looks, and at which API: that of `elsewhere` gets only what time the fleet leaves, as if it ran on another machine. Browsers always do. */
const ARMS = ['nobody', 'looking, the API elsewhere', 'looking, the API on the same cores'] as const;
type Arm = (typeof ARMS)[number];

/** Each one who looks has nobody before and after, so that what drifts is the same for both. */
const TURNS: readonly Arm[] = [
  'looking, the API elsewhere',
  'nobody',
  'looking, the API on the same cores',
  'nobody',
  'looking, the API elsewhere',
  'nobody',
];
/** Between two refills there are as many turns as the tasks of one suffice for. */
const TURNS_OF_A_REFILL = 2;
/** What was begun in the window before is read until then: the pace of reads puts it off for up to two seconds. */
const SETTLE_MS = 1500;

interface Sample {
  arm: Arm;
  stepsPerSecond: number;
  claimedPerSecond: number;
  /** Microseconds for each step: of PostgreSQL with the sessions of the API, and of the worker. */
  serverCpu: number;
  workerCpu: number;
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
  const rounds = quick ? 1 : Number(process.env['BENCH_LOOKING_ROUNDS'] ?? 5);
  const seconds = quick ? 1 : 3.5;
  const client = createClient({ url: db.url, notify: false });
  const workflow = await client.register(diamond);
  await client.register(watched);
  const { taskId } = await client.submit(watched, { n: 1 });
  await client.close();
  const windows = TURNS_OF_A_REFILL * TURNS.length + 1;
  /** Enough for the windows of a round on the fastest machine, whatever is left: the fleet works on that while these are loaded. */
  const refill = async (): Promise<void> => {
    const tasks = Math.ceil(windows * (seconds + SETTLE_MS / 1000) * (quick ? 3000 : 9000));
    // The fleet takes them when all of them are there, with their history.
    const connection = await db.pool.connect();
    try {
      await connection.query('BEGIN /* bench: */');
      await loadTasks(connection, { namedTaskId: workflow, tasks, progress: [0] });
      await connection.query('COMMIT /* bench: */');
    } finally {
      connection.release();
    }
  };
  await refill();
  await db.query('VACUUM ANALYZE');
  const here = await openViewers(db, taskId);
  const elsewhere = await openViewers(db, taskId, 19);
  const both = [here, elsewhere];
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
      for (const who of both) await bringIn(who, LOOKING);
      await sleep(quick ? 500 : 6000);
      for (const who of both) pause(who);
      await db.query('SELECT pg_stat_statements_reset() /* bench: */');
      for (let round_ = 0; round_ < rounds; round_ += 1) {
        if (round_ > 0) await refill();
        // A worker that had nothing to do finds the new tasks.
        await untilWorking(fleet);
        const turn = round_ % 2 === 0 ? TURNS : TURNS.toReversed();
        const arms = Array.from({ length: TURNS_OF_A_REFILL }, () => turn).flat();
        for (const arm of round_ % 2 === 0 ? ['nobody' as const, ...arms] : [...arms, 'nobody' as const])
          samples.push(await measure(db, server, fleet, arm, arm.endsWith('elsewhere') ? elsewhere : here, seconds));
        console.error(`  round ${round_ + 1} of ${rounds}: ${round(samples.at(-1)?.stepsPerSecond ?? 0)} steps/s`);
      }
      statements = await costliest(db);
    } finally {
      for (const who of both) resume(who);
      for (const who of both) await bringIn(who, NOBODY);
      await fleet.stop();
      await slow.stop();
    }
    const idle = await measureIdle(db, server, here, quick ? 2 : 20);
    return {
      tables: [taxTable(samples, windows), callersTable(samples), idleTable(idle)],
      data: { samples, statements, idle },
    };
  } finally {
    for (const who of both) await closeViewers(who);
    await db.drop();
  }
}

/** Pages stay open, and ask for nothing, so that windows of a few seconds can take turns. Their API watches for them what they show. */
const pause = ({ lookers }: Viewers): boolean => lookers.kill('SIGSTOP');

const resume = ({ lookers }: Viewers): boolean => lookers.kill('SIGCONT');

async function untilWorking(fleet: Fleet): Promise<void> {
  const known = await stepsOf(fleet);
  await sleep(500);
  while ((await stepsOf(fleet)) === known) await sleep(200);
}

async function measure(
  db: BenchDatabase,
  server: BenchServer,
  fleet: Fleet,
  arm: Arm,
  who: Viewers,
  seconds: number,
): Promise<Sample> {
  const looks = arm !== 'nobody';
  if (looks) resume(who);
  await sleep(SETTLE_MS);
  const [pid = 0] = who.api.pids;
  if (looks) await bringIn(who, 'report');
  const statementsBefore = looks ? await statementsOf(who.api) : 0;
  const read = async () => ({
    ...(await progressOf(fleet)),
    at: performance.now(),
    server: serverCpuSeconds(server.pid),
    worker: cpuSeconds(fleet.pids[0] ?? 0),
    sessions: await apiSessions(db),
    api: cpuSeconds(pid),
  });
  const before = await read();
  await sleep(seconds * 1000);
  const after = await read();
  const elapsed = (after.at - before.at) / 1000;
  const counts = looks ? await bringIn(who, 'report') : zero();
  const statements = looks ? (await statementsOf(who.api)) - statementsBefore : 0;
  if (looks) pause(who);
  const steps = after.steps - before.steps;
  if (steps === 0) throw new Error('the fleet has nothing left to do: it needs more tasks');
  return {
    arm,
    stepsPerSecond: steps / elapsed,
    claimedPerSecond: (after.claimed - before.claimed) / elapsed,
    serverCpu: ((after.server - before.server) / steps) * 1e6,
    workerCpu: ((after.worker - before.worker) / steps) * 1e6,
    apiSessions: secondsBetween(before.sessions, after.sessions) / elapsed,
    api: (after.api - before.api) / elapsed,
    requests: counts.requests / elapsed,
    events: counts.events / elapsed,
    statements: statements / elapsed,
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

/** Attempts that ended and steps that were claimed, by the worker's own count. */
async function progressOf(fleet: Fleet): Promise<{ steps: number; claimed: number }> {
  const text = await metricsOf(fleet);
  return { steps: sumOf(text, 'tasker_step_attempts_total'), claimed: sumOf(text, 'tasker_claimed_steps_total') };
}

const stepsOf = async (fleet: Fleet): Promise<number> => (await progressOf(fleet)).steps;

/** By the count of the API. */
const statementsOf = async (api: Fleet): Promise<number> =>
  sumOf(await metricsOf(api), 'tasker_statement_duration_seconds_count');

const metricsOf = async ({ urls }: Fleet): Promise<string> => (await fetch(`${urls[0]}/metrics`)).text();

function sumOf(text: string, metric: string): number {
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

function taxTable(samples: readonly Sample[], windows: number): Table {
  const of = (arm: Arm, figure: (sample: Sample) => number): number =>
    median(samples.filter((sample) => sample.arm === arm).map(figure));
  /** Against the mean of nobody before and after, in the same round. */
  const changed = (arm: Arm, figure: (sample: Sample) => number): string => {
    if (arm === 'nobody') return '-';
    const ratios = samples.flatMap((sample, at) => {
      const neighbours = [samples[at - 1], samples[at + 1]].filter(
        (one, side): one is Sample => one?.arm === 'nobody' && isOfSameRound(at, at + (side === 0 ? -1 : 1), windows),
      );
      if (sample.arm !== arm || neighbours.length === 0) return [];
      const nobody = neighbours.reduce((sum, one) => sum + figure(one), 0) / neighbours.length;
      return [figure(sample) / nobody];
    });
    return changeText(ratios);
  };
  const count = (arm: Arm): number => samples.filter((sample) => sample.arm === arm).length;
  const fleetCpu = ({ serverCpu, workerCpu }: Sample): number => serverCpu + workerCpu;
  return {
    title: `${LOOKING.browsers} dashboards on a running task of 1,000 steps, ${LOOKING.browsers} on the first page, and ${LOOKING.listsPerSecond} requests a second for lists, beside a fleet that has more to do than it can: windows of a few seconds in turns, medians, and their change against nobody before and after with its interval of 95 %`,
    columns: [
      '',
      'windows',
      'claimed steps/s',
      'change',
      'completed steps/s',
      'change',
      'PostgreSQL and worker, CPU µs/step',
      'change',
      'of it PostgreSQL',
      'sessions of the API, CPU ms/s',
    ],
    rows: ARMS.map((arm) => [
      arm,
      count(arm),
      round(of(arm, ({ claimedPerSecond }) => claimedPerSecond)),
      changed(arm, ({ claimedPerSecond }) => claimedPerSecond),
      round(of(arm, ({ stepsPerSecond }) => stepsPerSecond)),
      changed(arm, ({ stepsPerSecond }) => stepsPerSecond),
      round(of(arm, fleetCpu), 1),
      changed(arm, fleetCpu),
      round(
        of(arm, ({ serverCpu }) => serverCpu),
        1,
      ),
      round(of(arm, ({ apiSessions: own }) => own) * 1000),
    ]),
  };
}

const isOfSameRound = (a: number, b: number, windows: number): boolean =>
  b >= 0 && Math.floor(a / windows) === Math.floor(b / windows);

/** What those who look have asked for, and what the process of the API takes. */
function callersTable(samples: readonly Sample[]): Table {
  const of = (arm: Arm, figure: (sample: Sample) => number): number =>
    median(samples.filter((sample) => sample.arm === arm).map(figure));
  return {
    title: 'What was asked for meanwhile',
    columns: [
      '',
      'requests/s',
      'events/s',
      'MB/s',
      'failed',
      'statements of the API/s',
      'process of the API, CPU ms/s',
    ],
    rows: ARMS.filter((arm) => arm !== 'nobody').map((arm) => [
      arm,
      round(of(arm, ({ requests }) => requests)),
      round(of(arm, ({ events }) => events)),
      round(
        of(arm, ({ megabytes }) => megabytes),
        1,
      ),
      samples.filter((sample) => sample.arm === arm).reduce((sum, { failed }) => sum + failed, 0),
      round(
        of(arm, ({ statements }) => statements),
        1,
      ),
      round(of(arm, ({ api }) => api) * 1000),
    ]),
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
