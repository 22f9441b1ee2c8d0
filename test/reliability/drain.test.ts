import { afterAll, expect, it } from 'vitest';
import type { Fleet } from '../chaos/fleet.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { allComplete, causes, findings, joined, LONG, percentile, startFleet, SteadyLoad } from './under-load.ts';

const test = await useTestDatabase();
let fleet: Fleet | undefined;
afterAll(async () => void (await fleet?.drain(0)));

const ROUNDS = LONG ? 60 : 2;
const WORKERS = LONG ? 3 : 2;
const SCHEDULERS = LONG ? 2 : 1;
/** The default of TASKER_DRAIN_GRACE_SECONDS. */
const GRACE_MS = 25_000;

it(`a rolling restart of the whole fleet under load, ${ROUNDS} times, spends no attempt`, async () => {
  fleet = await startFleet({ url: test.url, workers: WORKERS, schedulers: SCHEDULERS });
  await joined(test.query, 'worker', WORKERS);
  await joined(test.query, 'scheduler', SCHEDULERS);
  const load = new SteadyLoad({ url: test.url, perSecond: 20, stepMs: 150, name: 'drain' });
  const took: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const member of [...fleet.members('worker'), ...fleet.members('scheduler')]) {
      const exit = await fleet.terminate(member);
      took.push(exit.tookMs);
      expect(exit, `${member.role} ${member.pid}`).toMatchObject({ code: 0, signal: null });
      await joined(test.query, member.role, member.role === 'worker' ? WORKERS : SCHEDULERS);
    }
  }
  await load.stop();
  await allComplete(test.query, load.acknowledged);
  expect(await fleet.drain(GRACE_MS + 10_000)).toEqual([]);

  const seen = await causes(test.query);
  console.log(
    `drain: ${took.length} restarts, exit after p50 ${percentile(took, 0.5)} ms, max ${percentile(took, 1)} ms; ${load.acknowledged.length} tasks; ${JSON.stringify(seen)}`,
  );
  // Within the grace period: no step had to be aborted.
  expect(Math.max(...took)).toBeLessThan(GRACE_MS);
  expect(seen).not.toHaveProperty('lease_expired');
  expect(seen).not.toHaveProperty('fail');
  expect(seen).not.toHaveProperty('timeout');
  const [attempts] = await test.query<{ most: number; open: number }>(
    `SELECT max(attempts) AS most, count(*) FILTER (WHERE in_process)::integer AS open FROM tasker.tasker_workflow_steps`,
  );
  expect(attempts).toEqual({ most: 1, open: 0 });
  expect(await test.query('SELECT claim_id FROM tasker.tasker_claims')).toEqual([]);
  expect(await findings(test.url)).toEqual([]);
});
