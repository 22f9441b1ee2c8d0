import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import {
  createClient,
  createLogger,
  defineWorkflow,
  startTasker,
  type Tasker,
  type TaskerOptions,
} from '../../src/index.ts';
import { type TestDatabase, useTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

const test = await useTestDatabase();
const empty = await useTestDatabase({ empty: true });
const shared = await useTestDatabase({ empty: true });
const running: Tasker[] = [];
afterEach(async () => {
  for (const tasker of running.splice(0)) await tasker.stop();
});

const hello = defineWorkflow({ name: 'hello' })
  .step('greet', ({ input }) => `hello ${(input as { name: string }).name}`)
  .step('mail', { dependsOn: ['greet'], queue: 'mails' }, ({ parents }) => parents.greet.length);

async function start(options: Partial<TaskerOptions> = {}): Promise<Tasker> {
  const settings = { metricsPort: 0, logLevel: 'error', ...options.settings };
  const tasker = await startTasker({ workflows: hello, url: test.url, ...options, settings });
  running.push(tasker);
  return tasker;
}

/** Names of the sessions that programs under test have on a database. */
async function sessions(database = test): Promise<string[]> {
  const rows = await database.query<{ name: string }>(
    `SELECT application_name AS name FROM pg_stat_activity
     WHERE datname = current_database() AND application_name LIKE 'tasker %' ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}
const noSessionsLeft = (database = test): Promise<unknown> =>
  waitFor(async () => (await sessions(database)).length === 0, { what: 'the end of all sessions' });

/** How many columns the tables have, but for partitions, and how many of these have a comment. */
async function commented(database: TestDatabase): Promise<{ comments: number; columns: number }> {
  const [row] = await database.query<{ comments: number; columns: number }>(
    `SELECT count(col_description(a.attrelid, a.attnum))::integer AS comments, count(*)::integer AS columns
     FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
     WHERE c.relnamespace = to_regnamespace('tasker') AND c.relkind IN ('r', 'p') AND NOT c.relispartition
       AND a.attnum > 0 AND NOT a.attisdropped`,
  );
  return row as { comments: number; columns: number };
}

/** A workflow whose only step waits for `open`; `began` resolves when it runs. */
function gated() {
  const began = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<string>();
  const workflow = defineWorkflow({ name: 'gated' }).step('wait', () => {
    began.resolve();
    return gate.promise;
  });
  return { workflow, began: began.promise, open: gate.resolve };
}

describe('programs that begin on one empty database at once', () => {
  it('make its schema once, with all comments when they have ended, and run', async () => {
    const all = await Promise.all([1, 2].map(() => start({ url: shared.url, migrate: true })));
    const names = all.map((_, index) => ({ name: `program ${index}` }));
    for (const [index, tasker] of all.entries()) {
      const input = names[index] as { name: string };
      expect(await tasker.client.submitAndWait(hello, input)).toMatchObject({ state: 'complete' });
    }
    expect(await sessions(shared)).not.toContain('tasker migrate');
    const [lock] = await shared.query<{ held: boolean }>(
      `SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND objid = 1
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS held`,
    );
    expect(lock?.held).toBe(false);
    for (const tasker of running.splice(0)) await tasker.stop();
    const { comments, columns } = await commented(shared);
    expect(comments).toBe(columns);
  });
});

describe('one program', () => {
  it('runs a task, whatever queues its steps are in, and stops twice', async () => {
    const tasker = await start();
    const task = await tasker.client.submitAndWait(hello, { name: 'you' });
    expect(task).toMatchObject({ state: 'complete', results: { greet: 'hello you', mail: 9 } });
    const rows = await tasker.client.workers();
    expect(rows.map(({ role, queues }) => ({ role, queues })).toSorted((a, b) => a.role.localeCompare(b.role))).toEqual(
      [
        { role: 'scheduler', queues: [] },
        { role: 'worker', queues: ['default', 'mails'] },
      ],
    );
    expect([tasker.worker.workerId, tasker.scheduler?.workerId].toSorted()).toEqual(
      rows.map(({ worker_id }) => worker_id).toSorted(),
    );
    expect(await Promise.all([tasker.stop(), tasker.stop()])).toEqual([{ unfinished: [] }, { unfinished: [] }]);
    await noSessionsLeft();
  });

  it('holds at most 14 sessions, in pools of 4, and one for the heartbeats of both roles', async () => {
    const tasker = await start();
    await Promise.all(Array.from({ length: 40 }, () => tasker.client.submitAndWait(hello, { name: 'you' })));
    // That of cron comes and goes: its tables are made a moment later.
    const count = async () =>
      Map.groupBy(
        (await sessions()).filter((name) => name !== 'tasker cron'),
        (name) => name,
      );
    // A program that has just begun opens some of them a moment later.
    const counted = await waitFor(async () => ((await count()).size >= 5 ? count() : undefined), {
      timeoutMs: 10_000,
      what: 'a session of each kind',
    });
    expect(counted.get('tasker worker')?.length).toBeLessThanOrEqual(4);
    expect(counted.get('tasker scheduler')?.length ?? 0).toBeLessThanOrEqual(4);
    expect(counted.get('tasker client')?.length).toBeLessThanOrEqual(4);
    expect(counted.get('tasker heartbeat')).toHaveLength(1);
    expect(counted.get('tasker listener')).toHaveLength(1);
    expect([...counted.keys()].toSorted()).toEqual(
      ['client', 'heartbeat', 'listener', 'scheduler', 'worker'].map((name) => `tasker ${name}`),
    );
  });

  it('serves metrics and probes of both roles on one port', async () => {
    const tasker = await start();
    const text = await (await fetch(`${tasker.url}/metrics`)).text();
    expect([...text.matchAll(/^tasker_draining\{role="(\w+)"\} 0$/gm)].map(([, role]) => role).toSorted()).toEqual([
      'scheduler',
      'worker',
    ]);
    const families = [...text.matchAll(/^# HELP (\S+)/gm)].map(([, name]) => name);
    expect(new Set(families).size).toBe(families.length);
    // Node's metrics are those of the process: a sum over roles would count it twice.
    expect(text.match(/^process_cpu_seconds_total\{.*$/gm)).toHaveLength(1);
    expect((await fetch(`${tasker.url}/livez`)).status).toBe(200);
    expect((await fetch(`${tasker.url}/readyz`)).status).toBe(200);
    expect(tasker.scheduler?.url).toBe(tasker.url);

    const { workflow, began, open } = gated();
    const other = await start({ workflows: workflow });
    await other.client.submit(workflow, {});
    await began;
    const stopped = other.stop();
    const ready = await fetch(`${other.url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([
      503,
      { status: 'failing', reasons: ['the worker is draining'] },
    ]);
    open('done');
    await stopped;
    await expect(fetch(`${other.url}/livez`)).rejects.toThrow('fetch failed');
  });

  it('stopped while a step runs, it waits for the step', async () => {
    const { workflow, began, open } = gated();
    const tasker = await start({ workflows: [workflow] });
    const { taskId } = await tasker.client.submit(workflow, {});
    await began;
    const stopped = tasker.stop();
    open('done');
    expect(await stopped).toEqual({ unfinished: [] });
    const after = await start({ workflows: [workflow] });
    expect(await after.client.result(workflow, taskId)).toMatchObject({ state: 'complete', results: { wait: 'done' } });
  });

  it('without a scheduler, leaves that to others', async () => {
    const tasker = await start({ scheduler: false });
    expect(tasker.scheduler).toBeUndefined();
    expect((await tasker.client.workers()).map(({ role }) => role)).toEqual(['worker']);
    expect(await tasker.client.submitAndWait(hello, { name: 'you' })).toMatchObject({ state: 'complete' });
  });

  it('applies schedules of the code if that is asked for', async () => {
    const daily = hello.schedule({ key: 'daily', cron: '0 6 * * *', input: { name: 'all' } });
    const first = await start({ workflows: daily });
    expect(await first.client.schedules()).toEqual([]);
    await first.stop();
    const second = await start({ workflows: daily, applySchedules: true });
    expect(await second.client.schedules()).toMatchObject([{ key: 'daily', cron: '0 6 * * *' }]);
    expect(await second.client.unschedule('daily')).toBe(true);
  });

  it('logs into a logger of the program, with the role of each part', async () => {
    const lines: Record<string, unknown>[] = [];
    const destination = { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) };
    const log = createLogger({ role: 'shop', destination });
    const tasker = await start({ log });
    await tasker.stop();
    const started = lines.filter(({ message }) => String(message).endsWith(' started'));
    expect(started.map(({ role, field_role }) => [role, field_role]).toSorted()).toEqual([
      ['shop', 'scheduler'],
      ['shop', 'worker'],
    ]);
  });
});

describe('the first step', () => {
  it('runs before the tables for schedules are made, which come soon after', async () => {
    const database = await useTestDatabase({ empty: true });
    // Whoever makes the schema now waits for the end of this transaction.
    const holder = await database.pool.connect();
    await holder.query('BEGIN; CREATE SCHEMA tasker_cron');
    const tasker = await start({ url: database.url, migrate: true });
    expect(await tasker.client.submitAndWait(hello, { name: 'you' })).toMatchObject({ state: 'complete' });
    await holder.query('ROLLBACK');
    holder.release();
    const owner = `SELECT to_regclass('tasker_cron.tasker_owner') IS NOT NULL AS made`;
    await waitFor(async () => (await database.query<{ made: boolean }>(owner))[0]?.made === true, {
      what: 'the tables for schedules',
    });
    expect(
      await tasker.client.schedule(hello, { key: 'daily', cron: '0 6 * * *', input: { name: 'all' } }),
    ).toMatchObject({ outcome: 'created', schedulers: 1 });
  });

  it('may be that of a schedule, whose tables a client makes if the scheduler has not', async () => {
    const database = await useTestDatabase({ empty: true });
    const tasker = await start({ url: database.url, migrate: true });
    const added = await tasker.client.schedule(hello, { key: 'daily', cron: '0 6 * * *', input: { name: 'all' } });
    expect(added).toMatchObject({ outcome: 'created' });
    expect(await tasker.client.schedules()).toMatchObject([{ key: 'daily' }]);
  });

  it('is found without a poll and without a notification', async () => {
    const settings = { pollIntervalMs: 60_000, maxPollIntervalMs: 60_000, hintedPollIntervalMs: 60_000, notify: false };
    const tasker = await start({ settings });
    // The second comes after the claimer has found nothing and sleeps.
    for (const name of ['you', 'me']) {
      const task = await tasker.client.submitAndWait(hello, { name }, { timeoutMs: 20_000 });
      expect(task).toMatchObject({ state: 'complete', results: { greet: `hello ${name}` } });
    }
  });
});

describe('on an empty database', () => {
  const REFUSE = `
    CREATE FUNCTION public.refuse_keys() RETURNS event_trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity = 'tasker.tasker_api_keys') THEN
        RAISE 'no keys today';
      END IF;
    END $$;
    CREATE EVENT TRIGGER refuse_keys ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION public.refuse_keys()`;
  const has = async (database: TestDatabase, table: string): Promise<boolean> => {
    const [row] = await database.query<{ made: boolean }>(`SELECT to_regclass($1) IS NOT NULL AS made`, [table]);
    return row?.made === true;
  };

  it('the first tasks need the first tables alone; the rest is made as soon as it can be', async () => {
    const database = await useTestDatabase({ empty: true });
    await database.query(REFUSE);
    const warnings: string[] = [];
    const destination = { write: (line: string) => warnings.push(line) };
    const tasker = await start({
      url: database.url,
      migrate: true,
      log: createLogger({ role: 'shop', level: 'warn', destination }),
    });
    expect(await tasker.client.submitAndWait(hello, { name: 'you' })).toMatchObject({ state: 'complete' });
    await waitFor(async () => warnings.some((line) => line.includes('the schema is not whole yet')), {
      what: 'the warning',
    });
    expect(warnings.join('')).toContain('no keys today');
    expect(await has(database, 'tasker.tasker_api_keys')).toBe(false);
    expect(await tasker.client.submitAndWait(hello, { name: 'me' })).toMatchObject({ state: 'complete' });
    await database.query('DROP EVENT TRIGGER refuse_keys; DROP FUNCTION public.refuse_keys()');
    await waitFor(() => has(database, 'tasker.tasker_api_keys'), { what: 'the rest', timeoutMs: 20_000 });
    expect(await tasker.client.audit()).toEqual([]);
  });

  it.each<[string, (client: Tasker['client']) => Promise<unknown>]>([
    ['a list', (client) => client.schedules()],
    ['a view', (client) => client.getTask('1')],
    ['an act', (client) => client.pause({ queue: 'default' }, { reason: 'a test' })],
    ['a transaction', (client) => client.cancel('1', { reason: 'a test' }).catch(() => undefined)],
  ])('%s that needs the rest waits for it', async (_, work) => {
    const database = await useTestDatabase({ empty: true });
    const tasker = await start({ url: database.url, migrate: true });
    await work(tasker.client);
    expect(await tasker.client.audit()).toEqual(expect.any(Array));
    expect(await has(database, 'tasker.tasker_sign_ins')).toBe(true);
  });

  it('a program that ends at once leaves a whole schema', async () => {
    const database = await useTestDatabase({ empty: true });
    const tasker = await start({ url: database.url, migrate: true });
    await tasker.stop();
    const { comments, columns } = await commented(database);
    expect(comments).toBe(columns);
    expect(await has(database, 'tasker.tasker_api_keys')).toBe(true);
    await noSessionsLeft(database);
  });

  it('a client of its own, made right after the start, has all tables', async () => {
    const database = await useTestDatabase({ empty: true });
    await start({ url: database.url, migrate: true });
    const client = createClient({ url: database.url });
    try {
      expect(await client.audit()).toEqual([]);
    } finally {
      await client.close();
    }
  });
});

describe('a start that fails', () => {
  it('because the schedules are those of another fleet makes nothing', async () => {
    const database = await useTestDatabase({ empty: true });
    const first = await start({
      url: database.url,
      migrate: true,
      settings: { cronSchema: 'jobs' },
      applySchedules: true,
    });
    await waitFor(
      async () =>
        (await database.query<{ made: boolean }>(`SELECT to_regclass('jobs.tasker_owner') IS NOT NULL AS made`))[0]
          ?.made,
      { what: 'the owner of the schedules' },
    );
    await first.stop();
    const second = { schema: 'other', cronSchema: 'jobs' };
    await expect(start({ url: database.url, migrate: true, settings: second })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('jobs'),
    });
    await noSessionsLeft(database);
  });

  it('on an empty database is the error of the schema, and leaves no session; with migrate it works', async () => {
    const error = { code: 'SCHEMA_OUTDATED' };
    await expect(start({ url: empty.url })).rejects.toMatchObject(error);
    await noSessionsLeft(empty);
    const tasker = await start({ url: empty.url, migrate: true });
    expect(await tasker.client.submitAndWait(hello, { name: 'you' })).toMatchObject({ state: 'complete' });
    await tasker.stop();
    // Migrated already, with the tables for schedules but without a scheduler.
    const again = await start({ url: empty.url, migrate: true, scheduler: false });
    expect(await again.client.schedules()).toEqual([]);
    await again.stop();
    await noSessionsLeft(empty);
  });

  it('because of one part stops the other', async () => {
    await expect(start({ settings: { analyzeCron: '61 * * * *' } })).rejects.toThrow(/61/);
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    await expect(start({ settings: { metricsPort: port } })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(`${port} is taken`),
    });
    taken.close();
    await noSessionsLeft();
    const tasker = await start();
    expect(await tasker.client.workers()).toHaveLength(2);
  });

  it('because of its signal leaves nothing, during the start and before', async () => {
    const early = new AbortController();
    early.abort(new Error('no longer wanted'));
    await expect(start({ signal: early.signal })).rejects.toThrow('no longer wanted');
    const during = new AbortController();
    const starting = start({ signal: during.signal });
    setTimeout(() => during.abort(new Error('stopped meanwhile')), 20);
    await expect(starting).rejects.toThrow('stopped meanwhile');
    await noSessionsLeft();
    const later = new AbortController();
    await start({ signal: later.signal });
    later.abort();
    await noSessionsLeft();
  });

  it.each<[string, object, RegExp]>([
    ['an option that does not exist', { workflow: hello }, /there is no option "workflow": did you mean "workflows"\?/],
    ['no workflows', { workflows: [] }, /^workflows is \[\]: name at least one/],
    ['what is no workflow', { workflows: [undefined] }, /^workflows is undefined: use what defineWorkflow/],
    ['a setting that does not exist', { settings: { slot: 1 } }, /settings names "slot".* did you mean "slots"/],
    ['two databases', { settings: { databaseUrl: test.url } }, /^settings.databaseUrl is .*: leave one of them out/],
    ['a logger that is none', { log: 'info' }, /^log is "info": use a logger/],
    ['a text for a boolean', { migrate: 'yes' }, /^migrate is "yes": use true or false/],
  ])('because of %s connects to nothing', async (_, options, message) => {
    await expect(startTasker({ workflows: hello, url: test.url, ...options })).rejects.toThrow(message);
    await expect(startTasker({ workflows: hello, url: test.url, ...options })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
    });
  });

  it('because of settings lists every problem', async () => {
    await expect(start({ settings: { slots: 0, poolSize: 'many' } })).rejects.toThrow(
      /has 2 problems:\n {2}TASKER_POOL_SIZE: "many" .*\n {2}TASKER_SLOTS: "0" is below 1/,
    );
  });
});
