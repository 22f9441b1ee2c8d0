import { afterAll, expect, it } from 'vitest';
import { z } from 'zod';
import { createClient } from '../../src/client/client.ts';
import { Cron } from '../../src/schedules/cron.ts';
import { openDatabase } from '../../src/db/connections/database.ts';
import { migrateToLatest } from '../../src/db/migrate.ts';
import { Notifier } from '../../src/db/connections/notifier.ts';
import { ConfigError } from '../../src/errors.ts';
import { FireSchedules } from '../../src/scheduler/chores/fire-schedules.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useTestDatabase } from '../support/test-database.ts';

const test = await useTestDatabase();
await migrateToLatest(test.url, { schema: 'second' });
const workflow = defineWorkflow({ name: 'report', input: z.unknown() }).step('a', () => 1);
const daily = { key: 'daily', cron: '0 3 * * *', input: {} };
const closing: (() => Promise<unknown>)[] = [];
afterAll(() => Promise.all(closing.map((close) => close())));

function client(schema: string, cronSchema?: string) {
  const created = createClient({ url: test.url, schema, ...(cronSchema === undefined ? {} : { cronSchema }) });
  closing.push(() => created.close());
  return created;
}

/** Does what the start of a scheduler does to the tables of cron; returns what it reported. */
async function startScheduler(schema: string, cronSchema: string): Promise<string[]> {
  const reported: string[] = [];
  const db = openDatabase({ url: test.url, schema, poolSize: 2 });
  const schedules = new FireSchedules({
    db,
    notifier: new Notifier(db),
    cronSchema,
    openCron: (fires) =>
      new Cron({ url: test.url, schema: cronSchema, applicationName: 'test cron', fires, onError: () => undefined }),
    onFired: () => undefined,
    onError: (_what, error) => reported.push((error as Error).message),
  });
  await schedules.prepare().finally(() => db.close());
  return reported;
}

it('two fleets in one database have separate lists of schedules', async () => {
  const [first, second] = [client('tasker'), client('second')];
  await first.schedule(workflow, daily);
  await second.schedule(workflow, { ...daily, key: 'other' });
  expect((await first.schedules()).map(({ key }) => key)).toEqual(['daily']);
  expect((await second.schedules()).map(({ key }) => key)).toEqual(['other']);
  const schemas = await test.query(`SELECT nspname FROM pg_namespace WHERE nspname LIKE '%\\_cron' ORDER BY 1`);
  expect(schemas).toEqual([{ nspname: 'second_cron' }, { nspname: 'tasker_cron' }]);
});

it('a cron schema that belongs to another fleet is refused, until that fleet is gone', async () => {
  await startScheduler('tasker', 'tasker_cron');
  const message =
    'the cron schema "tasker_cron" holds the schedules of the fleet in schema "tasker", not of the one in "second": set TASKER_CRON_SCHEMA to a schema of its own, such as second_cron (the default)';
  await expect(startScheduler('second', 'tasker_cron')).rejects.toThrow(message);
  const intruder = client('second', 'tasker_cron');
  for (const call of [
    () => intruder.schedules(),
    () => intruder.schedule(workflow, daily),
    () => intruder.unschedule('daily'),
  ]) {
    await expect(call()).rejects.toThrow(message);
    await expect(call()).rejects.toBeInstanceOf(ConfigError);
  }
  expect((await client('tasker').schedules()).map(({ key }) => key)).toEqual(['daily']);

  await test.query('ALTER SCHEMA tasker RENAME TO renamed');
  try {
    await startScheduler('renamed', 'tasker_cron');
    expect((await client('renamed', 'tasker_cron').schedules()).map(({ key }) => key)).toEqual(['daily']);
  } finally {
    await test.query('ALTER SCHEMA renamed RENAME TO tasker');
  }
});

it('schedulers that start at the same time make one owner', async () => {
  await Promise.all([1, 2, 3].map(() => startScheduler('second', 'fresh_cron')));
  expect(await test.query('SELECT schema_name FROM fresh_cron.tasker_owner')).toEqual([{ schema_name: 'second' }]);
});

it('the only fleet of a database copies what it kept in the former default schema; one of several reports that it cannot', async () => {
  // As an earlier version left it: one list for all fleets, without an owner.
  await test.query('DROP SCHEMA second_cron CASCADE');
  await test.query('DROP TABLE tasker_cron.tasker_owner');
  const [reported] = await startScheduler('second', 'second_cron');
  expect(reported).toMatch(/^the schema tasker_cron has schedules, and this database several fleets/);
  expect(await client('second').schedules()).toEqual([]);

  await test.query('DROP SCHEMA second_cron CASCADE');
  await test.query('DROP SCHEMA tasker CASCADE');
  expect(await startScheduler('second', 'second_cron')).toEqual([]);
  const adopted = await client('second').schedules();
  expect(adopted).toMatchObject([{ key: 'daily', cron: '0 3 * * *', workflow: 'report' }]);
  // A removed schedule does not come back with the next scheduler.
  await client('second').unschedule('daily');
  await startScheduler('second', 'second_cron');
  expect(await client('second').schedules()).toEqual([]);
});
