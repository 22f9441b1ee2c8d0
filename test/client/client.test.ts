import pg from 'pg';
import { Kysely, PostgresDialect } from 'kysely';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createClient } from '../../src/client/client.ts';
import { InvalidInputError } from '../../src/errors.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useTestDatabase } from '../support/test-database.ts';

const test = await useTestDatabase();
const client = createClient({ url: test.url });
afterAll(() => client.close());

const order = defineWorkflow({
  namespace: 'shop',
  name: 'order',
  identity: 'caller_key',
  input: z.object({ order: z.string(), express: z.boolean().default(false) }),
})
  .step('pack', () => 1)
  .step('wrap', { dependsOn: ['pack'], skippable: true }, () => 2);
const ping = defineWorkflow({ name: 'ping', identity: 'content_hash', input: z.object({ n: z.number() }) }).step(
  'a',
  () => 1,
);

describe('submit', () => {
  it('validates the input, fills in defaults, and makes one task for the same key', async () => {
    const first = await client.submit(order, { order: '1' }, { key: 'order 1', tags: ['new'], reason: 'test' });
    const second = await client.submit(order, { order: '1' }, { key: 'order 1' });
    expect(first.outcome).toBe('created');
    expect(second).toEqual({ outcome: 'existing', taskId: first.taskId, inputDiffers: false });
    expect(await client.getTask(first.taskId)).toMatchObject({
      namespace: 'shop',
      workflow: 'order',
      state: 'pending',
      context: { order: '1', express: false },
      tags: ['new'],
      steps: [
        { name: 'pack', state: 'pending', ready: true, parents: [] },
        { name: 'wrap', state: 'pending', ready: false, parents: ['pack'] },
      ],
    });
  });

  it.each([
    ['an input that does not fit', { order: 7 }, { key: 'k' }, /order: .*expected string, received number/],
    ['a missing key', { order: '1' }, {}, /needs a key/],
    [
      'an unknown step to bypass',
      { order: '1' },
      { key: 'k', bypassSteps: ['nope'] },
      /"nope", which is no step .* skippable are wrap/,
    ],
    [
      'a step to bypass that is not skippable',
      { order: '1' },
      { key: 'k', bypassSteps: ['pack'] },
      /"pack", which is not skippable/,
    ],
    ['a priority out of range', { order: '1' }, { key: 'k', priority: 99_999 }, /priority is 99999/],
  ])('refuses %s', async (_, input, options, message) => {
    const refused = client.submit(order, input as never, options);
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toBeInstanceOf(InvalidInputError);
  });

  it('says of a taken key whether the input differs, in batches and in transactions too; a rule lets a new task take it', async () => {
    const { taskId } = await client.submit(order, { order: 'x' }, { key: 'taken' });
    const differs = { outcome: 'existing', taskId, inputDiffers: true };
    const same = { outcome: 'existing', taskId, inputDiffers: false };
    const requests = ['x', 'y'].map((name) => ({ input: { order: name }, key: 'taken' }));
    const many: unknown[] = [];
    for await (const submitted of client.submitMany(order, requests)) many.push(submitted);
    expect(many).toEqual([same, differs]);
    await client.cancel(taskId);
    const connection = await test.pool.connect();
    try {
      await connection.query('BEGIN');
      expect(await client.submitTask(connection, order, { order: 'y' }, { key: 'taken' })).toEqual(differs);
      const rule = { key: 'taken', reuse: 'afterFailure' } as const;
      expect(await client.submitTask(connection, order, { order: 'y' }, rule)).toEqual({
        outcome: 'created',
        taskId: expect.any(String),
        replaces: taskId,
      });
      await connection.query('ROLLBACK');
    } finally {
      connection.release();
    }
  });

  it.each([
    ['an unknown reuse rule', order, { key: 'k', reuse: 'sometimes' }, /reuse is "sometimes": it is one of never/],
    ['a window without a rule', order, { key: 'k', reuseAfterSeconds: 5 }, /reuseAfterSeconds is set without reuse/],
    [
      'a window that is no number',
      order,
      { key: 'k', reuse: 'afterEnd', reuseAfterSeconds: '5' },
      /"5": it is a number/,
    ],
  ])('refuses %s', async (_, definition, options, message) => {
    await expect(client.submit(definition, { order: '1' }, options as never)).rejects.toThrow(message);
  });

  it('makes one task for the same content under content_hash', async () => {
    const first = await client.submit(ping, { n: 1 });
    expect(await client.submit(ping, { n: 1 })).toEqual({
      outcome: 'existing',
      taskId: first.taskId,
      inputDiffers: false,
    });
    expect((await client.submit(ping, { n: 2 })).outcome).toBe('created');
  });

  it('streams many, with results in the same order', async () => {
    async function* requests() {
      for (let n = 100; n < 2600; n += 1) yield { input: { n } };
    }
    const ids: string[] = [];
    for await (const { outcome, taskId } of client.submitMany(ping, requests(), { batchSize: 500 })) {
      expect(outcome).toBe('created');
      ids.push(taskId);
    }
    expect(ids).toHaveLength(2500);
    expect(new Set(ids).size).toBe(2500);
  });

  it('stops a stream at an invalid request, and keeps the tasks before it', async () => {
    const requests = [{ input: { n: 9001 } }, { input: { n: 9002 } }, { input: { n: 'x' as never } }];
    const answers: string[] = [];
    await expect(async () => {
      for await (const { outcome } of client.submitMany(ping, requests, { batchSize: 1 })) answers.push(outcome);
    }).rejects.toThrow(/n: .*expected number/);
    expect((await client.submit(ping, { n: 9001 })).outcome).toBe('existing');
  });

  it('uses the caller’s transaction, of pg and of Kysely', async () => {
    const caller = await test.pool.connect();
    try {
      await caller.query('BEGIN');
      const { taskId } = await client.submitTask(caller, ping, { n: 5001 });
      expect(await client.getTask(taskId)).toBeUndefined();
      await caller.query('COMMIT');
      expect((await client.getTask(taskId))?.state).toBe('pending');
    } finally {
      caller.release();
    }
    const kysely = new Kysely<object>({ dialect: new PostgresDialect({ pool: test.pool }) });
    await expect(
      kysely.transaction().execute(async (trx) => {
        await client.submitTask(trx, ping, { n: 5002 });
        throw new Error('rolled back');
      }),
    ).rejects.toThrow('rolled back');
    expect((await client.submit(ping, { n: 5002 })).outcome).toBe('created');
  });

  it('throws an error that names the cause if the caller’s transaction is of another database', async () => {
    const elsewhere = new pg.Client({
      connectionString: (test.directUrl ?? test.url).replace(/\/[^/]*$/, '/postgres'),
    });
    await elsewhere.connect();
    try {
      await elsewhere.query('BEGIN');
      await expect(client.submitTask(elsewhere, ping, { n: 5003 })).rejects.toMatchObject({
        code: 'TRANSACTION_ELSEWHERE',
        message: expect.stringContaining('a database without the tables of schema "tasker"') as string,
      });
    } finally {
      await elsewhere.end();
    }
  });

  it('notifies workers of a task in the caller’s transaction after the time that a commit takes', async () => {
    const elsewhere = defineWorkflow({ name: 'elsewhere', input: z.unknown() }).step(
      'a',
      { queue: 'elsewhere' },
      () => 1,
    );
    const listening = new pg.Client({ connectionString: test.directUrl ?? test.url });
    await listening.connect();
    const received = Promise.withResolvers<void>();
    const caller = await test.pool.connect();
    try {
      listening.on('notification', ({ payload }) => payload === 'elsewhere' && received.resolve());
      await listening.query('LISTEN tasker_ready');
      await caller.query('BEGIN');
      await client.submitTask(caller, elsewhere, {});
      await caller.query('COMMIT');
      await expect(received.promise).resolves.toBeUndefined();
    } finally {
      caller.release();
      await listening.end();
    }
  });
});

describe('reading and steering', () => {
  it('pages through tasks, the newest first', async () => {
    const page = await client.listTasks({ workflow: 'ping', limit: 10 });
    const next = await client.listTasks({ workflow: 'ping', limit: 10, after: page.at(-1)?.task_id as string });
    const ids = [...page, ...next].map((task) => Number(task.task_id));
    expect(ids).toEqual(ids.toSorted((a, b) => b - a));
    expect(new Set(ids).size).toBe(20);
    expect(await client.listTasks({ namespace: 'shop', states: ['complete'] })).toEqual([]);
    await expect(client.listTasks({ limit: 0 })).rejects.toThrow('limit is 0');
  });

  it('returns a value for what is missing or not possible, and throws for an invalid id', async () => {
    expect(await client.cancel('999999999')).toEqual({ outcome: 'not_found' });
    expect(await client.getTask('999999999')).toBeUndefined();
    await expect(client.getTask('1; DROP TABLE')).rejects.toThrow('is no id');
    const { taskId } = await client.submit(ping, { n: 7001 });
    expect(await client.retry(taskId)).toEqual({ outcome: 'nothing_to_retry', state: 'pending' });
    expect(await client.resolveStep(taskId, 'a', { result: { by: 'hand' } })).toMatchObject({
      outcome: 'resolved',
      taskState: 'complete',
    });
    expect((await client.waitForTask(taskId)).steps[0]?.results).toEqual({ by: 'hand' });
  });

  it('stores schedules, and refuses an invalid cron expression or time zone', async () => {
    await client.schedule(ping, { key: 'nightly', cron: '0 3 * * *', timezone: 'Europe/Berlin', input: { n: 1 } });
    expect(await client.schedules()).toMatchObject([{ key: 'nightly', cron: '0 3 * * *', timezone: 'Europe/Berlin' }]);
    await expect(client.schedule(ping, { key: 'bad', cron: '61 * * * *', input: { n: 1 } })).rejects.toThrow(
      /cron expression "61 \* \* \* \*" is not valid/,
    );
    await expect(
      client.schedule(ping, { key: 'bad', cron: '* * * * *', timezone: 'Mars/Base', input: { n: 1 } }),
    ).rejects.toThrow(/Mars/);
    await expect(client.schedule(ping, { key: 'bad', cron: '* * * * *', input: { n: 'x' as never } })).rejects.toThrow(
      /expected number/,
    );
    expect(await client.unschedule('nightly')).toBe(true);
    expect(await client.unschedule('nightly')).toBe(false);
    expect(await client.schedules()).toEqual([]);
  });

  it('checks a schedule like a submit, and lists what it runs', async () => {
    const good = { key: 'k', cron: '0 3 * * *', input: { n: 1 } };
    for (const [wrong, message] of [
      [{ priority: 40_000 }, /priority is 40000: use a whole number/],
      [{ priority: 1.5 }, /priority is 1.5/],
      [{ key: '' }, /schedule key "": use 1 to 128/],
      [{ key: 'a b' }, /schedule key "a b"/],
      [{ key: 'x'.repeat(129) }, /use 1 to 128/],
      [{ key: undefined as never }, /schedule key undefined/],
      [{ timezone: 'Local' }, /time zone "Local" is not known/],
      [{ timezone: '' }, /time zone "" is not known/],
      [{ cron: 'H * * * *' }, /has an H/],
      [{ version: '1.0.0' as never }, /version is "1.0.0": use "latest" or "pinned"/],
      [{ overlap: 'queue' as never }, /overlap is "queue": use "allow" or "skip"/],
    ] as const) {
      await expect(client.schedule(ping, { ...good, ...wrong })).rejects.toThrow(message);
      await expect(client.schedule(ping, { ...good, ...wrong })).rejects.toBeInstanceOf(InvalidInputError);
    }
    expect(await client.schedules()).toEqual([]);

    const added = await client.schedule(ping, { ...good, tags: ['nightly'], overlap: 'skip' });
    expect(added).toMatchObject({ outcome: 'created', schedulers: 0 });
    expect(added.next?.toISOString()).toMatch(/T03:00:00/);
    expect(await client.schedules()).toMatchObject([
      {
        key: 'k',
        workflow: 'ping',
        version: ping.version,
        versionPolicy: 'latest',
        served: false,
        overlap: 'skip',
        next: added.next,
        lastOccurrence: null,
        problem: null,
      },
    ]);
    await client.unschedule('k');
  });

  it('adds a schedule again without losing or doubling an occurrence, unless its times change', async () => {
    const row = async () =>
      (
        await test.query<{ since: string; updated_on: Date }>(
          `SELECT data->>'since' AS since, updated_on FROM tasker_cron.schedule`,
        )
      )[0];
    const add = async (change: { cron?: string; timezone?: string; input?: { n: number } } = {}) =>
      (await client.schedule(ping, { key: 'again', cron: '0 3 * * *', input: { n: 1 }, ...change })).outcome;
    expect(await add()).toBe('created');
    const first = await row();
    expect(await add()).toBe('unchanged');
    expect(await add({ cron: ' 0  3 * * * ' })).toBe('unchanged');
    expect(await row()).toEqual(first);
    // Another input: its times stay, and with them what is due.
    expect(await add({ input: { n: 2 } })).toBe('changed');
    expect(await row()).toMatchObject({ since: first?.since });
    expect(await add({ input: { n: 2 }, cron: '0 4 * * *' })).toBe('changed');
    expect((await row())?.since).not.toBe(first?.since);
    await client.unschedule('again');
  });
});
