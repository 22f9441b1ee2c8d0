import { afterEach, expect, it } from 'vitest';
import { z } from 'zod';
import { Client } from '../../src/client/index.ts';
import { Cron } from '../../src/db/cron.ts';
import { WORKFLOW_SCHEDULES } from '../../src/engine/schedule.ts';
import { Notifier } from '../../src/engine/notifier.ts';
import { ChoreLoop } from '../../src/scheduler/chore.ts';
import { FireSchedules } from '../../src/scheduler/chores/fire-schedules.ts';
import { defineWorkflow } from '../../src/workflow/index.ts';
import { useEngine } from '../engine/engine-fixture.ts';
import { waitFor } from '../support/wait-for.ts';

const engine = await useEngine();
const workflow = defineWorkflow({ name: 'report', input: z.unknown() }).step('a', () => 1);
await engine.workflow(workflow);

const APPLICATION = 'fire-schedules test';
const errors: unknown[] = [];
/** Whether pg-boss finds its server. */
let reachable = true;
let running: { schedules: FireSchedules; loop: ChoreLoop } | undefined;

afterEach(async () => {
  await running?.loop.stop();
  await running?.schedules.stop();
});

function openCron(fires: boolean): Cron {
  return new Cron({
    url: reachable ? engine.test.url : 'postgres://127.0.0.1:1/nowhere',
    schema: 'tasker_cron',
    applicationName: APPLICATION,
    fires,
    onError: (error) => errors.push(error),
  });
}

function fireSchedules(restAfterMs: number) {
  const schedules = new FireSchedules({
    db: engine.db,
    notifier: new Notifier(engine.db),
    cronSchema: 'tasker_cron',
    openCron,
    onFired: () => undefined,
    onError: (_what, error) => errors.push(error),
    intervalMs: 50,
    restAfterMs,
  });
  const events = { swept: () => undefined, failed: (_chore: string, error: unknown) => errors.push(error) };
  const loop = new ChoreLoop(schedules, events);
  running = { schedules, loop };
  return running;
}

const sessions = async () =>
  (
    await engine.test.query(
      'SELECT 1 FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()',
      [APPLICATION],
    )
  ).length;

it('pg-boss runs from the first schedule to a while after the last, and again for the next', async () => {
  const { schedules, loop } = fireSchedules(200);
  await schedules.prepare();
  await schedules.run();
  expect(schedules.firing).toBe(false);
  await waitFor(async () => (await sessions()) === 0, { what: 'the connection that made the tables to be closed' });
  loop.start();

  const client = new Client({ url: engine.test.url });
  for (const key of ['first', 'second']) {
    await client.schedule(workflow, { key, cron: '0 0 1 1 *', input: {} });
    await waitFor(() => schedules.firing, { what: `pg-boss for the schedule "${key}"` });
    await waitFor(async () => (await sessions()) > 0, { what: 'its connections' });
    await client.unschedule(key);
    await waitFor(async () => !schedules.firing && (await sessions()) === 0, {
      what: 'pg-boss to rest',
      timeoutMs: 20_000,
    });
  }
  await client.close();
  expect(errors).toEqual([]);
});

it('what came due while no scheduler lived is submitted by the first look', async () => {
  const client = new Client({ url: engine.test.url });
  await client.schedule(workflow, { key: 'missed', cron: '* * * * *', input: {} });
  await client.close();
  await engine.test.query(
    `UPDATE tasker_cron.schedule SET updated_on = now() - interval '5 minutes' WHERE key = 'missed'`,
  );
  const { schedules } = fireSchedules(600_000);
  await schedules.prepare();
  await schedules.run();
  const tasks = await engine.test.query(`SELECT 1 FROM tasker.tasker_tasks WHERE initiator = 'schedule:missed'`);
  expect(tasks.length).toBeGreaterThanOrEqual(3);
  expect(errors).toEqual([]);
});

it('what earlier versions scheduled for themselves is removed', async () => {
  const cron = openCron(false);
  await cron.start();
  await cron.schedule('tasker-catch-up', { key: 'every-minute', cron: '* * * * *', timezone: 'UTC', data: {} });
  await cron.schedule('tasker-maintenance', { key: 'analyze', cron: '*/10 * * * *', timezone: 'UTC', data: {} });
  await fireSchedules(0).schedules.prepare();
  const left = await engine.test.query(
    `SELECT name FROM tasker_cron.schedule WHERE name <> '${WORKFLOW_SCHEDULES}' ORDER BY name`,
  );
  expect(left).toEqual([]);
  await cron.stop();
});

it('a look that fails starts nothing, and one after a failed start tries again', async () => {
  const { schedules } = fireSchedules(0);
  await engine.test.query('ALTER TABLE tasker_cron.schedule RENAME TO schedule_away');
  await expect(schedules.run()).rejects.toThrow(/schedule/);
  expect(schedules.firing).toBe(false);
  await engine.test.query('ALTER TABLE tasker_cron.schedule_away RENAME TO schedule');

  reachable = false;
  await expect(schedules.run()).rejects.toThrow(/ECONNREFUSED/);
  expect(schedules.firing).toBe(false);
  reachable = true;
  await schedules.run();
  expect(schedules.firing).toBe(true);
});
