import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '../../src/index.ts';
import { loadTasks } from '../../test/support/load-tasks.ts';
import { startFleet } from '../support/fleet.ts';
import { type IdleCost, idleCost } from '../support/idle.ts';
import { type PartResult, round, type Table } from '../support/report.ts';
import type { BenchDatabase, BenchServer } from '../support/server.ts';
import { diamond, watched } from '../support/workflows.ts';
import { enterDirectory } from './lists/history.ts';
import type { Counts } from './looking/browser.ts';
import type { Looking } from './looking/lookers.ts';
import { NOBODY, Viewers } from './looking/viewers.ts';

const BROWSERS = [0, 1, 50];
const POLLS_PER_SECOND = 50;
/** A hundred pages that are opened at once read everything first, and what is quiet is watched less often after half a minute. */
const SETTLE_MS = 20_000;

interface Measured {
  what: string;
  statements: number;
  requests: number;
  events: number;
  cost: IdleCost;
}

/** What the API asks the database while nothing happens and while a task of 1,000 steps runs, by the number of browsers; and for polls of figures. */
export async function browsers(server: BenchServer, quick: boolean): Promise<PartResult> {
  const db = await server.database();
  const taskId = await fill(db, quick ? 1000 : 50_000);
  const viewers = await Viewers.open(db, taskId, undefined);
  const seconds = quick ? 1 : 20;
  const measured: Measured[] = [];
  const measure = async (what: string, looking: Looking): Promise<void> => {
    await viewers.bringIn(looking);
    await sleep(quick ? 300 : SETTLE_MS);
    measured.push(await measureOne(db, server, viewers, what, seconds));
  };
  try {
    for (const count of BROWSERS) await measure(`nothing happens, ${named(count)}`, { ...NOBODY, browsers: count });
    await viewers.bringIn(NOBODY);
    const slow = await startFleet({ url: db.url, workers: 1, env: { TASKER_QUEUES: 'watched', TASKER_SLOTS: '2' } });
    try {
      for (const count of BROWSERS) await measure(`the task runs, ${named(count)}`, { ...NOBODY, browsers: count });
      const polls = `the task runs, ${POLLS_PER_SECOND} requests a second for queues and the overview`;
      await measure(polls, { ...NOBODY, pollsPerSecond: POLLS_PER_SECOND });
    } finally {
      await slow.stop();
    }
  } finally {
    await viewers.close();
  }
  await db.drop();
  return { tables: [tableOf(measured)], data: measured };
}

const named = (count: number): string =>
  count === 0 ? 'nobody' : `${count} on the task and ${count} on the first page`;

/** Ended tasks, of which all are in the directory, and one that can be watched. Returns its id. */
async function fill(db: BenchDatabase, tasks: number): Promise<string> {
  const client = createClient({ url: db.url, notify: false });
  const workflow = await client.register(diamond);
  await client.register(watched);
  await loadTasks(db.pool, { namedTaskId: workflow, tasks, progress: [-1] });
  const { taskId } = await client.submit(watched, { n: 1 });
  await client.close();
  await enterDirectory(db.url);
  await db.query('VACUUM ANALYZE');
  return taskId;
}

async function measureOne(
  db: BenchDatabase,
  server: BenchServer,
  viewers: Viewers,
  what: string,
  seconds: number,
): Promise<Measured> {
  await viewers.bringIn('report');
  const before = await viewers.statements();
  const began = performance.now();
  const cost = await idleCost(db, server, [viewers.pid], seconds);
  const elapsed = (performance.now() - began) / 1000;
  const statements = (await viewers.statements()) - before;
  const counts: Counts = await viewers.bringIn('report');
  return {
    what,
    statements: statements / elapsed,
    requests: counts.requests / elapsed,
    events: counts.events / elapsed,
    cost: { ...cost, byStatement: cost.byStatement.map(beginning) },
  };
}

/** As much of a statement as identifies it. */
const beginning = (statement: IdleCost['byStatement'][number]): IdleCost['byStatement'][number] => ({
  ...statement,
  query: statement.query.trim().replaceAll(/\s+/g, ' ').slice(0, 120),
});

function tableOf(measured: readonly Measured[]): Table {
  return {
    title: 'What the API asks the database for those who look',
    columns: [
      '',
      'requests/s',
      'events/s',
      'statements of the API/s',
      'statements of all/s',
      'PostgreSQL, % of a core',
      'the API, % of a core',
    ],
    rows: measured.map(({ what, statements, requests, events, cost }) => [
      what,
      round(requests, 1),
      round(events, 1),
      round(statements, 1),
      round(cost.statements, 1),
      round(cost.serverCpu, 2),
      round(cost.processCpu, 2),
    ]),
  };
}
