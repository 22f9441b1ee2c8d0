import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { migrateToLatest } from '../../src/db/migrate.ts';
import { createDatabase, withDatabase } from '../../src/embedded/databases.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/embedded/start.ts';
import type { Fleet } from '../chaos/fleet.ts';
import { recoveryTimes } from '../chaos/recovery.ts';
import { scratchFolder } from '../support/scratch-folder.ts';
import { waitFor } from '../support/wait-for.ts';
import { allComplete, causes, findings, joined, LONG, startFleet, SteadyLoad } from './under-load.ts';

const KILLS = LONG ? 200 : 3;
const CRASHES = LONG ? 30 : 1;
/** Longer than the silence (3 s) after which a process without a connection counts as dead. */
const DOWN_MS = 5000;
const settings = { fsync: 'off', full_page_writes: 'off', max_connections: '150' };

let dataDir = '';
let server: EmbeddedPostgres;
let fleet: Fleet;
let url = '';

/** Runs one statement on a connection of its own, because the server is stopped now and then. */
async function query<Row extends object>(text: string, values?: unknown[]): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url, application_name: 'test recovery' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row & Record<string, unknown>>(text, values)).rows;
  } finally {
    await client.end();
  }
}

const count = async (cause: string): Promise<number> => (await causes(query))[cause] ?? 0;

beforeAll(async () => {
  dataDir = join(await scratchFolder(), 'postgres');
  server = await startEmbeddedPostgres({ dataDir, settings });
  url = await createDatabase(server.url(), 'fleet');
  await migrateToLatest(url);
  fleet = await startFleet({ url, workers: 3, schedulers: 2 });
  await joined(query, 'worker', 3);
  await joined(query, 'scheduler', 2);
});

afterAll(async () => {
  await fleet.drain(0);
  await server.stop('immediate');
});

it(`${CRASHES} crash(es) of the database for ${DOWN_MS / 1000} s under load: no process is taken for dead, none exits, and work continues`, async () => {
  const load = new SteadyLoad({ url, perSecond: 10, stepMs: 400, name: 'crash' });
  const restarts: { crashedAt: number; readyAt: number }[] = [];
  for (let crash = 0; crash < CRASHES; crash += 1) {
    const before = await count('complete');
    await waitFor(async () => (await count('complete')) > before + 20, { timeoutMs: 60_000, what: 'work' });
    const crashedAt = Date.now();
    await server.stop('immediate');
    await sleep(DOWN_MS);
    server = await startEmbeddedPostgres({ dataDir, port: Number(new URL(url).port), settings });
    restarts.push({ crashedAt, readyAt: Date.now() });
    const after = await count('claim');
    await waitFor(async () => (await count('claim')) > after, { timeoutMs: 60_000, what: 'the next claim' });
    // Several sweeps, in which a process could be taken for dead.
    await sleep(4000);
  }
  await load.stop();
  await allComplete(query, load.acknowledged);
  const { restartToClaim } = await recoveryTimes({ url, kills: [], restarts });
  console.log(
    `database crash: ready to next claim ${JSON.stringify(restartToClaim)}; ${JSON.stringify(await causes(query))}`,
  );
  expect(fleet.exits).toEqual([]);
  expect(await count('lease_expired')).toBe(0);
  expect(await findings(withDatabase(server.url(), 'fleet'))).toEqual([]);
});

it(`${KILLS} kills at default settings: every step of a dead worker is recovered and run`, async () => {
  const load = new SteadyLoad({ url, perSecond: 10, stepMs: 700, name: 'kill' });
  const kills: { pid: number; at: number }[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    await joined(query, 'worker', 3);
    const victim = fleet.members('worker')[kill % 3];
    if (victim === undefined) throw new Error('there is no worker to kill');
    const held = () =>
      query(
        `SELECT 1 FROM tasker.tasker_workflow_steps s JOIN tasker.tasker_workers w ON w.worker_id = s.claimed_by
         WHERE w.name LIKE '%:' || $1::text`,
        [victim.pid],
      );
    await waitFor(async () => (await held()).length > 0, {
      timeoutMs: 60_000,
      intervalMs: 5,
      what: 'the victim to hold a step',
    });
    kills.push({ pid: victim.pid, at: Date.now() });
    fleet.kill(victim);
    await waitFor(async () => (await held()).length === 0, {
      timeoutMs: 60_000,
      what: 'the steps of the dead worker to be recovered',
    });
  }
  await load.stop();
  await allComplete(query, load.acknowledged);
  const { killToRecovered } = await recoveryTimes({ url, kills, restarts: [] });
  console.log(`kill -9: to recovery of each step ${JSON.stringify(killToRecovered)}`);
  expect(killToRecovered.n).toBeGreaterThanOrEqual(1);
  expect(await findings(withDatabase(server.url(), 'fleet'))).toEqual([]);
  expect(await fleet.drain(35_000)).toEqual([]);
});
