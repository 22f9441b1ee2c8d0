import { afterAll, expect, it } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../../src/client/client.ts';
import { seededRandom } from '../chaos/random.ts';
import type { Fleet } from '../chaos/fleet.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { allComplete, findings, joined, LONG, percentile, startFleet } from './under-load.ts';
import { returning, steady } from './workflows.ts';

const test = await useTestDatabase();
const client = new Client({ url: test.url, applicationName: 'test schedules' });
let fleet: Fleet | undefined;
afterAll(async () => {
  await client.close();
  await fleet?.drain(0);
});

const SEED = 9;
const TASKS = LONG ? 1500 : 100;
const SECONDS = LONG ? 600 : 10;

it('with three schedulers that are killed at random, no retry is enqueued early, each is enqueued once, and a schedule fires once a tick', async () => {
  // The history does not contain the time at which each retry was due.
  await test.query(
    `CREATE TABLE due (task_id bigint, workflow_step_id bigint, sort_key integer, next_retry_at timestamptz)`,
  );
  await test.query(
    `CREATE FUNCTION keep_due() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
       INSERT INTO due VALUES (new.task_id, new.workflow_step_id, new.sort_key, new.next_retry_at);
       RETURN NULL;
     END $$`,
  );
  await test.query(
    `CREATE TRIGGER keep_due AFTER UPDATE ON tasker.tasker_workflow_steps
     FOR EACH ROW WHEN (new.next_retry_at IS NOT NULL AND old.next_retry_at IS DISTINCT FROM new.next_retry_at)
     EXECUTE FUNCTION keep_due()`,
  );
  fleet = await startFleet({ url: test.url, workers: 2, schedulers: 3 });
  await joined(test.query, 'worker', 2);
  await joined(test.query, 'scheduler', 3);
  if (LONG) await client.schedule(steady, { key: 'each-minute', cron: '* * * * *', input: { ms: 1 } });

  const random = seededRandom(SEED);
  const taskIds: string[] = [];
  const until = Date.now() + SECONDS * 1000;
  let kills = 0;
  while (Date.now() < until || taskIds.length < TASKS) {
    for (let number = 0; number < Math.ceil(TASKS / SECONDS) && taskIds.length < TASKS; number += 1) {
      const input = { times: random.between(1, 3), afterSeconds: random.between(1, 3) };
      taskIds.push((await client.submit(returning, input, { key: `returning ${taskIds.length}` })).taskId);
    }
    const victim = fleet.members('scheduler')[random.between(0, 2)];
    // One kill at a time, and only while all three run.
    if (victim !== undefined && fleet.members('scheduler').length === 3 && random.next() < 0.4) {
      fleet.kill(victim);
      kills += 1;
    }
    await sleep(1000);
  }
  await allComplete(test.query, taskIds);

  const retries = await test.query<{ late_ms: number; times: number }>(
    `SELECT extract(epoch FROM min(t.created_at) - d.next_retry_at)::float8 * 1000 AS late_ms, count(*)::integer AS times
     FROM due d
     JOIN tasker.tasker_workflow_step_transitions t
       ON t.task_id = d.task_id AND t.workflow_step_id = d.workflow_step_id AND t.sort_key = d.sort_key + 1 AND t.cause = 'retry_due'
     GROUP BY d.task_id, d.workflow_step_id, d.sort_key, d.next_retry_at`,
  );
  const late = retries.map(({ late_ms }) => late_ms);
  console.log(
    `schedulers: seed ${SEED}, ${kills} kills, ${late.length} retries, late by p50 ${percentile(late, 0.5).toFixed(0)} ms, p99 ${percentile(late, 0.99).toFixed(0)} ms, max ${percentile(late, 1).toFixed(0)} ms`,
  );
  expect(kills).toBeGreaterThan(0);
  expect(late.length).toBe((await test.query('SELECT 1 FROM due')).length);
  expect(late.filter((ms) => ms < 0)).toEqual([]);
  expect(retries.filter(({ times }) => times !== 1)).toEqual([]);
  if (LONG) await expectEveryMinuteOnce();
  expect(await fleet.drain(35_000)).toEqual([]);
  expect(await findings(test.url)).toEqual([]);
});

/** Every whole minute between the first and the last has exactly one task. Missed minutes were made up for. */
async function expectEveryMinuteOnce(): Promise<void> {
  // The task of the current minute may still be missing; a missed minute is made up for within two more.
  await sleep(150_000);
  const [row] = await test.query<{ tasks: number; minutes: number }>(
    `SELECT count(*)::integer AS tasks,
       (extract(epoch FROM date_trunc('minute', max(requested_at)) - date_trunc('minute', min(requested_at))) / 60)::integer + 1 AS minutes
     FROM tasker.tasker_tasks WHERE initiator = 'schedule:each-minute'`,
  );
  console.log(`cron: ${row?.tasks} ticks in ${row?.minutes} minutes`);
  expect(row?.tasks).toBeGreaterThan(5);
  expect(row?.tasks).toBe(row?.minutes);
}
