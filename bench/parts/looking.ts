import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '../../src/index.ts';
import { loadTasks } from '../../test/support/load-tasks.ts';
import { blockOf, bootstrap, middleMean, percentText, randomNumbers } from '../support/blocks.ts';
import { free, hasCores, keepOn, keepServerOn, MEASURED_CORE, OTHER_CORE } from '../support/cores.ts';
import { BUSY, type Fleet, startFleet } from '../support/fleet.ts';
import { type Estimate, median, type PartResult, round, type Table } from '../support/report.ts';
import type { BenchDatabase, BenchServer } from '../support/server.ts';
import { diamond, watched } from '../support/workflows.ts';
import { enterDirectory } from './lists/history.ts';
import { type Counts, zero } from './looking/browser.ts';
import { coreTimes, type Meter, openMeter } from './looking/meter.ts';
import { type Arm, LOOKERS, type Lookers, setQuiet, Turns } from './looking/turns.ts';
import { LOOKING, metricsOf, sumOf, Viewers } from './looking/viewers.ts';

/** The longest that windows take, unless the environment says otherwise. */
const MOST_SECONDS = 240;
const WINDOW_SECONDS = 1.5;
/** Half of the interval of 95 % of the change, at which it says whether the goal is kept. */
const NARROW = 0.01;
/** Tasks for the windows of a second: more than one core can do. */
const TASKS_A_SECOND = 3500;

interface Window {
  arm: Arm;
  seconds: number;
  claimed: number;
  completed: number;
  /** Seconds of CPU: of PostgreSQL without the sessions of the API, of these, of the worker, the API, and of those who ask. */
  server: number;
  sessions: number;
  worker: number;
  api: number;
  lookers: number;
  /** The part of the time in which the core of the fleet had nothing to do, and in which the machine was given to others. */
  idle: number;
  stolen: number;
  counts: Counts;
  statements: number;
}

/** A pair of windows each of nobody and of somebody who looks. */
interface Block {
  arm: Lookers;
  windows: Window[];
}

/** What open dashboards and lists cost a fleet that has more to do than it can. */
export async function looking(server: BenchServer, quick: boolean): Promise<PartResult> {
  const db = await server.database();
  const most = quick ? 6 : Number(process.env['BENCH_LOOKING_SECONDS'] ?? MOST_SECONDS);
  const pinned = hasCores();
  const taskId = await fill(db, Math.ceil((most + 15) * TASKS_A_SECOND * (quick ? 0.7 : 1)));
  await setQuiet(db, true);
  if (pinned) {
    keepServerOn(MEASURED_CORE, server.pid);
    keepOn(OTHER_CORE, process.pid);
  }
  const viewers = await Viewers.open(db, taskId, pinned ? OTHER_CORE : undefined);
  const core = pinned ? MEASURED_CORE : undefined;
  const fleet = await startFleet({
    url: db.url,
    workers: 1,
    env: { ...BUSY, ...CLAIMS, TASKER_QUEUES: 'default' },
    core,
  });
  const slow = await startFleet({
    url: db.url,
    workers: 1,
    env: { TASKER_QUEUES: 'watched', TASKER_SLOTS: '2' },
    core,
  });
  try {
    await viewers.bringIn(LOOKING);
    await sleep(quick ? 500 : 6000);
    const meter = openMeter({ db, server: server.pid, worker: fleet.pids[0] as number, viewers, core });
    await db.query('SELECT pg_stat_statements_reset() /* bench: */');
    const steady = [await measure(meter, fleet, viewers, LOOKERS[0], quick ? 1 : 10)];
    const blocks = await measureBlocks(meter, fleet, viewers, new Turns(viewers, pinned), most);
    const statements = await costliest(db);
    return {
      tables: [taxTable(blocks, pinned), cpuTable(blocks), callersTable(blocks, steady)],
      data: { summary: summaryOf(blocks), blocks, steady, statements },
    };
  } finally {
    await viewers.close();
    await fleet.stop();
    await slow.stop();
    if (pinned) free(server.pid);
    await setQuiet(db, false);
    await db.drop();
  }
}

/** Small enough that a window has many of them: a count of steps is then as exact as that of the batches. */
const CLAIMS = { TASKER_CLAIM_BATCH: '256', TASKER_SLOTS: '1024' };

/** Tasks that are ready, with the directory of all, and one that is watched. Returns its id. */
async function fill(db: BenchDatabase, tasks: number): Promise<string> {
  const client = createClient({ url: db.url, notify: false });
  const workflow = await client.register(diamond);
  await client.register(watched);
  const { taskId } = await client.submit(watched, { n: 1 });
  await client.close();
  const half = Math.ceil(tasks / 2);
  const first = Number(taskId) + 1;
  const load = (from: number): Promise<void> =>
    loadTasks(db.pool, { namedTaskId: workflow, tasks: half, progress: [0], first: from });
  await Promise.all([load(first), load(first + half)]);
  await enterDirectory(db.url);
  await db.query('VACUUM ANALYZE');
  return taskId;
}

async function measureBlocks(
  meter: Meter,
  fleet: Fleet,
  viewers: Viewers,
  turns: Turns,
  most: number,
): Promise<Block[]> {
  const random = randomNumbers();
  const began = performance.now();
  const seconds = (): number => (performance.now() - began) / 1000;
  const blocks: Block[] = [];
  while (seconds() < most) {
    // Both arms equally often.
    const arms = random() < 0.5 ? LOOKERS : LOOKERS.toReversed();
    for (const arm of arms) {
      const windows: Window[] = [];
      for (const one of blockOf<Arm>('nobody', arm, random)) {
        await turns.to(one);
        windows.push(await measure(meter, fleet, viewers, one, WINDOW_SECONDS));
      }
      if (windows.some(({ claimed }) => claimed === 0)) return blocks;
      blocks.push({ arm, windows });
    }
    const changes = LOOKERS.map((arm) => changeOf(of(blocks, arm), claimsOfTime));
    if (blocks.length % 20 === 0)
      console.error(`  ${Math.round(seconds())} s: ${changes.map((each) => percentText(each)).join(', ')}`);
    // An interval of few blocks is narrow by chance.
    if (blocks.length >= 40 && changes.every(({ low, high }) => high - low < 2 * NARROW)) break;
  }
  return blocks;
}

async function measure(meter: Meter, fleet: Fleet, viewers: Viewers, arm: Arm, seconds: number): Promise<Window> {
  const looks = arm !== 'nobody';
  const read = await meter.begin();
  if (looks) await viewers.bringIn('report');
  const statements = looks ? await viewers.statements() : 0;
  const before = { ...(await progressOf(fleet)), at: performance.now() };
  const spentSince = read();
  const cores = coreTimes(meter.core);
  await sleep(seconds * 1000);
  const spent = spentSince();
  const after = { ...(await progressOf(fleet)), at: performance.now() };
  const coresAfter = coreTimes(meter.core);
  const all = coresAfter.all - cores.all;
  return {
    arm,
    seconds: (after.at - before.at) / 1000,
    claimed: after.claimed - before.claimed,
    completed: after.completed - before.completed,
    ...spent,
    idle: (coresAfter.idle - cores.idle) / all,
    stolen: (coresAfter.stolen - cores.stolen) / all,
    counts: looks ? await viewers.bringIn('report') : zero(),
    statements: looks ? (await viewers.statements()) - statements : 0,
  };
}

/** Attempts that ended and steps that were claimed, by the worker's own count. */
async function progressOf(fleet: Fleet): Promise<{ completed: number; claimed: number }> {
  const text = await metricsOf(fleet);
  return { completed: sumOf(text, 'tasker_step_attempts_total'), claimed: sumOf(text, 'tasker_claimed_steps_total') };
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

type Figure = (windows: readonly Window[]) => number;

const sum = (windows: readonly Window[], figure: (window: Window) => number): number =>
  windows.reduce((total, window) => total + figure(window), 0);
/** A second. */
const perSecond =
  (figure: (window: Window) => number): Figure =>
  (windows) =>
    sum(windows, figure) / sum(windows, ({ seconds }) => seconds);
/** Microseconds for each step that was claimed. */
const perStep =
  (figure: (window: Window) => number): Figure =>
  (windows) =>
    (sum(windows, figure) / sum(windows, ({ claimed }) => claimed)) * 1e6;

const claims = perSecond(({ claimed }) => claimed);
const fleetCpu = perStep(({ server, worker }) => server + worker);
/** Claims in a second of CPU of all that runs on the core of the fleet: other programs that take time from it, and times without work, change nothing in it. */
const claimsOfTime: Figure = (windows) =>
  sum(windows, ({ claimed }) => claimed) /
  sum(windows, ({ server, sessions, worker, api, arm }) => server + sessions + worker + (arm === LOOKERS[1] ? api : 0));
const serverCpu = perStep(({ server }) => server);

const of = (blocks: readonly Block[], arm: Arm): readonly Block[] => blocks.filter((block) => block.arm === arm);

/** Of somebody who looks against nobody, in the windows of each block. */
function changeOf(blocks: readonly Block[], figure: Figure): Estimate {
  const changes = blocks.map(({ windows }) => {
    const somebody = figure(windows.filter(({ arm }) => arm !== 'nobody'));
    return somebody / figure(windows.filter(({ arm }) => arm === 'nobody')) - 1;
  });
  return bootstrap(changes, middleMean);
}

function summaryOf(blocks: readonly Block[]): Record<string, unknown> {
  return Object.fromEntries(
    LOOKERS.map((arm) => [
      arm,
      {
        blocks: of(blocks, arm).length,
        claimed: changeOf(of(blocks, arm), claims),
        cpu: changeOf(of(blocks, arm), fleetCpu),
      },
    ]),
  );
}

const windowsOf = (blocks: readonly Block[], arm: Arm): Window[] =>
  blocks.flatMap(({ windows }) => windows.filter((window) => window.arm === arm));

function taxTable(blocks: readonly Block[], pinned: boolean): Table {
  const where = pinned
    ? 'the fleet and PostgreSQL have one core, those who ask the other'
    : 'all programs share the cores';
  return {
    title: `${LOOKING.browsers} dashboards on a running task of 1,000 steps, ${LOOKING.browsers} on the first page, and ${LOOKING.listsPerSecond} requests a second for lists, beside a fleet that has more to do than it can; ${where}. Windows of ${WINDOW_SECONDS} s in turns: change against nobody in the same block of four, with its interval of 95 %`,
    columns: [
      '',
      'blocks',
      'claimed steps/s',
      'change',
      'claimed steps in a second of CPU of the fleet and PostgreSQL, and of the API where it is with them',
      'change',
      'PostgreSQL (without sessions of the API) and worker, CPU µs/step',
      'change',
      'of it PostgreSQL',
      'change',
    ],
    rows: (['nobody', ...LOOKERS] as const).map((arm) => {
      const windows = windowsOf(blocks, arm);
      const own = of(blocks, arm);
      const change = (figure: Figure): string => (arm === 'nobody' ? '-' : percentText(changeOf(own, figure)));
      return [
        arm,
        arm === 'nobody' ? blocks.length : own.length,
        round(claims(windows)),
        change(claims),
        round(claimsOfTime(windows)),
        change(claimsOfTime),
        round(fleetCpu(windows), 1),
        change(fleetCpu),
        round(serverCpu(windows), 1),
        change(serverCpu),
      ];
    }),
  };
}

/** Where the time goes: milliseconds of CPU a second. */
function cpuTable(blocks: readonly Block[]): Table {
  const ms = (figure: (window: Window) => number, windows: readonly Window[]): number =>
    round(perSecond(figure)(windows) * 1000, 1);
  return {
    title: 'CPU, milliseconds a second',
    columns: [
      '',
      'PostgreSQL without sessions of the API',
      'sessions of the API',
      'worker',
      'process of the API',
      'those who ask',
      'core of the fleet, idle',
      'taken by other machines',
    ],
    rows: (['nobody', ...LOOKERS] as const).map((arm) => {
      const windows = windowsOf(blocks, arm);
      return [
        arm,
        ms(({ server }) => server, windows),
        ms(({ sessions }) => sessions, windows),
        ms(({ worker }) => worker, windows),
        ms(({ api }) => api, windows),
        ms(({ lookers }) => lookers, windows),
        ms(({ idle, seconds }) => idle * seconds, windows),
        ms(({ stolen, seconds }) => stolen * seconds, windows),
      ];
    }),
  };
}

/** What those who look have asked for. */
function callersTable(blocks: readonly Block[], steady: readonly Window[]): Table {
  const row = (name: string, windows: readonly Window[]): (string | number)[] => [
    name,
    round(perSecond(({ counts }) => counts.requests)(windows)),
    round(perSecond(({ counts }) => counts.events)(windows)),
    round(perSecond(({ counts }) => counts.bytes / 1e6)(windows), 2),
    sum(windows, ({ counts }) => counts.failed),
    round(perSecond(({ statements }) => statements)(windows), 1),
    round(perSecond(({ sessions }) => sessions)(windows) * 1000, 1),
    round(median(windows.map(({ seconds }) => seconds)), 1),
  ];
  return {
    title: 'What was asked for meanwhile',
    columns: [
      '',
      'requests/s',
      'events/s',
      'MB/s',
      'failed',
      'statements of the API/s',
      'sessions of the API, CPU ms/s',
      'seconds of a window',
    ],
    rows: [...LOOKERS.map((arm) => row(arm, windowsOf(blocks, arm))), row(`${LOOKERS[0]}, without turns`, steady)],
  };
}
