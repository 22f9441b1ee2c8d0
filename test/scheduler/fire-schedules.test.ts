import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { afterEach, expect, it } from 'vitest';
import { z } from 'zod';
import { Client } from '../../src/client/client.ts';
import { Cron } from '../../src/schedules/cron.ts';
import { CRON_TABLES_VERSION, cronIsPrepared } from '../../src/schedules/cron-tables.ts';
import { WORKFLOW_SCHEDULES } from '../../src/schedules/scheduled-submit.ts';
import { Notifier } from '../../src/db/connections/notifier.ts';
import { ChoreLoop } from '../../src/scheduler/chore.ts';
import { FireSchedules } from '../../src/scheduler/chores/fire-schedules.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useEngine } from '../engine/engine-fixture.ts';
import { waitFor } from '../support/wait-for.ts';

const engine = await useEngine();
const workflow = defineWorkflow({ name: 'report', input: z.unknown() }).step('a', () => 1);
await engine.workflow(workflow);

const APPLICATION = 'fire-schedules test';
const errors: unknown[] = [];
/** Whether pg-boss reaches its server. */
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

function fireSchedules(idleAfterMs: number) {
  const schedules = new FireSchedules({
    db: engine.db,
    notifier: new Notifier(engine.db),
    cronSchema: 'tasker_cron',
    openCron,
    onFired: () => undefined,
    onError: (_what, error) => errors.push(error),
    intervalMs: 50,
    idleAfterMs,
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

/** As if a schedule had been made `minutes` ago. */
const madeBefore = (key: string, minutes: number) =>
  engine.test.query(
    `UPDATE tasker_cron.schedule
     SET data = data || jsonb_build_object('since', now() - make_interval(mins => $2)), updated_on = now() - make_interval(mins => $2)
     WHERE key = $1`,
    [key, minutes],
  );

/** Ticks that wait in pg-boss's tables since then, before and after they were forwarded, with the schedule's data as it was. */
const waitingTicks = (key: string, minutes: number) =>
  engine.test.query(
    `WITH tick AS (
       SELECT jsonb_build_object('key', $2::text, 'namespace', 'default', 'workflow', 'report', 'version', '0.1.0', 'input', '{}'::jsonb) AS data
     )
     INSERT INTO tasker_cron.job (name, data, created_on)
     SELECT $1, data, now() - make_interval(mins => $3) FROM tick
     UNION ALL
     SELECT '__pgboss__send-it', jsonb_build_object('name', $1::text, 'key', $2::text, 'data', data), now() - make_interval(mins => $3) FROM tick`,
    [WORKFLOW_SCHEDULES, key, minutes],
  );

/** The cron expression of every day at the minute and hour, in UTC, of `minutes` ago. */
function dailyBefore(minutes: number): string {
  const at = new Date(Date.now() - minutes * 60_000);
  return `${at.getUTCMinutes()} ${at.getUTCHours()} * * *`;
}

it('pg-boss runs from the first schedule until some time after the last, and again for the next', async () => {
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
      what: 'pg-boss to stop',
      timeoutMs: 20_000,
    });
  }
  await client.close();
  expect(errors).toEqual([]);
});

it('the first round submits what came due while no scheduler lived', async () => {
  const client = new Client({ url: engine.test.url });
  await client.schedule(workflow, { key: 'missed', cron: '* * * * *', input: {} });
  await client.close();
  await madeBefore('missed', 5);
  const { schedules } = fireSchedules(600_000);
  await schedules.prepare();
  await schedules.run();
  const tasks = await engine.test.query(`SELECT 1 FROM tasker.tasker_tasks WHERE initiator = 'schedule:missed'`);
  expect(tasks.length).toBeGreaterThanOrEqual(3);
  expect(errors).toEqual([]);
});

it('a tick that waited while no scheduler lived submits what is due by the list of schedules, once', async () => {
  const client = new Client({ url: engine.test.url });
  // Ticks of an earlier try have other keys.
  const run = randomUUID().slice(0, 8);
  const [removed, changed] = [`${run}-removed`, `${run}-changed`];
  const late = { [`${run}-1`]: 1, [`${run}-7`]: 7, [`${run}-12`]: 12, [`${run}-60`]: 60, [removed]: 3, [changed]: 3 };
  for (const [key, minutes] of Object.entries(late)) {
    await client.schedule(workflow, { key, cron: dailyBefore(minutes), input: {} });
    await madeBefore(key, 120);
    await waitingTicks(key, minutes);
  }
  await client.unschedule(removed);
  await client.schedule(workflow, { key: changed, cron: '0 0 1 1 *', input: {} });
  await client.close();

  const { schedules } = fireSchedules(600_000);
  await schedules.prepare();
  await schedules.run();
  await waitFor(
    async () =>
      (
        await engine.test.query(
          `SELECT 1 FROM tasker_cron.job WHERE name = $1 AND data->>'key' = ANY ($2) AND state = 'completed'`,
          [WORKFLOW_SCHEDULES, Object.keys(late)],
        )
      ).length ===
      2 * Object.keys(late).length,
    { what: 'every tick to be worked off', timeoutMs: 20_000 },
  );
  const tasks = await engine.test.query<{ initiator: string; tasks: number }>(
    `SELECT initiator, count(*)::integer AS tasks FROM tasker.tasker_tasks WHERE initiator = ANY ($1) GROUP BY 1 ORDER BY 1`,
    [Object.keys(late).map((key) => `schedule:${key}`)],
  );
  expect(tasks).toEqual([
    { initiator: `schedule:${run}-1`, tasks: 1 },
    { initiator: `schedule:${run}-7`, tasks: 1 },
  ]);
  expect(errors).toEqual([]);
});

it('the tables of cron have no sequence that could fall behind', async () => {
  const sequences = await engine.test.query(`SELECT 1 FROM pg_sequences WHERE schemaname = 'tasker_cron'`);
  expect(sequences).toEqual([]);
});

it('schedules that earlier versions made for themselves are removed', async () => {
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

it('a scheduler finds tables that are prepared without pg-boss, and prepares those that are not', async () => {
  const { schema } = (createRequire(import.meta.url)('pg-boss/package.json') as { pgboss: { schema: number } }).pgboss;
  expect(CRON_TABLES_VERSION).toBe(schema);
  const prepared = () => cronIsPrepared(engine.db, 'tasker_cron', WORKFLOW_SCHEDULES);
  await fireSchedules(0).schedules.prepare();
  expect(await prepared()).toBe(true);
  reachable = false;
  await fireSchedules(0).schedules.prepare();
  await engine.test.query('UPDATE tasker_cron.version SET version = version - 1');
  await expect(fireSchedules(0).schedules.prepare()).rejects.toThrow(/ECONNREFUSED/);
  await engine.test.query('UPDATE tasker_cron.version SET version = version + 1');
  expect(await prepared()).toBe(true);
  reachable = true;
  expect(await cronIsPrepared(engine.db, 'tasker_cron', 'a queue that is missing')).toBe(false);
  expect(await cronIsPrepared(engine.db, 'nowhere', WORKFLOW_SCHEDULES)).toBe(false);
});

it('a round that fails starts nothing, and one after a failed start tries again', async () => {
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
