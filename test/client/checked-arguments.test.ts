import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createClient } from '../../src/client/client.ts';
import { InvalidInputError } from '../../src/errors.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { diamond, useEngine } from '../engine/engine-fixture.ts';

const engine = await useEngine();
const client = createClient({ url: engine.test.url, poolSize: 2, notify: false });
afterAll(() => client.close());
const ping = defineWorkflow({ name: 'ping', input: z.unknown() }).step('a', () => 1);

/** A task whose root step is blocked. */
async function blockedTask(): Promise<string> {
  const taskId = await engine.submitOne(await engine.workflow(diamond));
  const worker = await engine.worker();
  const step = (await worker.claim(64)).find((claimed) => claimed.taskId === taskId);
  if (step === undefined) throw new Error('nothing was claimed');
  await worker.fail(step, { permanent: true });
  return taskId;
}

const NOT_A_COUNT = [0, -1, 1.5, Number.NaN, Infinity, 1001, 1e9, 2_147_483_647, 4e9, '3' as never];

describe('the number of further attempts', () => {
  it.each(NOT_A_COUNT)('%s is refused with the name of the field, and changes nothing', async (attempts) => {
    const taskId = await blockedTask();
    const refused = client.retry(taskId, { attempts });
    await expect(refused).rejects.toThrow(InvalidInputError);
    await expect(refused).rejects.toThrow(/^attempts is .*: use a whole number from 1 to 1000/);
    expect(await engine.taskState(taskId)).toBe('error');
  });

  it.each([1, 1000])('%i is granted', async (attempts) => {
    const taskId = await blockedTask();
    expect(await client.retry(taskId, { attempts })).toMatchObject({ outcome: 'retried' });
    expect((await engine.steps(taskId))[0]).toMatchObject({ state: 'pending', attempts: 1 });
  });
});

describe('the steps to retry', () => {
  it('that the task does not have are named in the error, with those that it has, and nothing is changed', async () => {
    const taskId = await blockedTask();
    expect(await client.retry(taskId, { steps: ['a', 'typo'] })).toEqual({
      outcome: 'unknown_steps',
      steps: ['typo'],
      known: ['a', 'b', 'c', 'd'],
    });
    expect((await engine.steps(taskId))[0]?.state).toBe('error');
  });
});

describe('every other number', () => {
  it.each([
    ['limit', () => client.listTasks({ limit: 1.5 })],
    ['timeoutMs', () => client.waitForTask('1', { timeoutMs: Number.NaN })],
    ['timeoutMs', () => client.waitForTask('1', { timeoutMs: -1 })],
    ['since', () => client.stats({ since: new Date(Number.NaN) })],
    ['namespace', () => client.stats({ namespace: 'a\u0000' })],
    ['workflow', () => client.statsByHour({ namespace: 'shop' } as never)],
    ['batchSize', () => client.submitMany(ping, [{ input: 1 }], { batchSize: 0 }).next()],
    ['batchSize', () => client.submitMany(ping, [{ input: 1 }], { batchSize: Infinity }).next()],
    ['priority', () => client.submit(ping, 1, { priority: 40_000 })],
    ['poolSize', async () => createClient({ url: engine.test.url, poolSize: 0 })],
    [
      'report.maxLagSeconds',
      async () => createClient({ url: engine.test.url, report: { url: engine.test.url, maxLagSeconds: 0 } }),
    ],
    [
      'report.fallback',
      async () => createClient({ url: engine.test.url, report: { url: engine.test.url, fallback: 'none' as never } }),
    ],
    ['report.url', async () => createClient({ url: engine.test.url, report: {} as never })],
    ['task id', () => client.getTask(1 as never)],
    ['task id', () => client.getTask('1e3')],
  ])('is checked before anything is sent: %s', async (field, call) => {
    const refused = (async () => call())();
    await expect(refused).rejects.toThrow(InvalidInputError);
    await expect(refused).rejects.toThrow(new RegExp(`^${field} `));
  });
});

describe('the transaction of submitTask', () => {
  const pool = new pg.Pool({ connectionString: engine.test.url, max: 1 });
  const kysely = new Kysely<never>({ dialect: new PostgresDialect({ pool }) });
  afterAll(() => pool.end());

  // With these each statement would be a transaction of its own, even if the caller's transaction is rolled back.
  it.each([
    ['a pool', pool],
    ['a Kysely instance that is no transaction', kysely],
    ['a function without query, as of postgres.js', async () => []],
    ['an object without query', {}],
    ['nothing', undefined],
  ])('is refused where it is %s, and no task is made', async (_, transaction) => {
    const count = () => engine.test.query('SELECT count(*)::int AS n FROM tasker.tasker_tasks');
    const before = await count();
    const refused = client.submitTask(transaction as never, ping, 1);
    await expect(refused).rejects.toThrow(InvalidInputError);
    await expect(refused).rejects.toThrow(/^transaction is .*: /);
    expect(await count()).toEqual(before);
  });

  it('may be any object with a query method that runs in one', async () => {
    const connection = await pool.connect();
    try {
      await connection.query('BEGIN');
      const query = ({ text, values }: { text: string; values?: unknown[] }) => connection.query(text, values);
      const { taskId } = await client.submitTask({ query }, ping, 1);
      await connection.query('ROLLBACK');
      expect(await client.getTask(taskId)).toBeUndefined();
    } finally {
      connection.release();
    }
  });
});

describe('a name that nothing can have', () => {
  it.each([
    [
      'states\\[1\\] is "stuck": use one of pending, in_progress, ',
      () => client.listTasks({ states: ['error', 'stuck' as never] }),
    ],
    ['states\\[0\\] is ', () => client.listTasks({ states: [null as never] })],
    ['states is "error": use an array', () => client.listTasks({ states: 'error' as never })],
    ['schedule key "": ', () => client.unschedule('')],
    ['schedule key null: ', () => client.unschedule(null as never)],
    ['schedule key undefined: ', () => client.unschedule(undefined as never)],
  ])('is refused: an empty answer would read as if there was none: %s', async (message, call) => {
    const refused = call();
    await expect(refused).rejects.toThrow(InvalidInputError);
    await expect(refused).rejects.toThrow(new RegExp(`^${message}`));
  });
});

describe('text that PostgreSQL cannot store', () => {
  it.each(['\u0000', 'half \ud83d', 7 as never])('%j is refused with the name of its field', async (bad) => {
    const taskId = await blockedTask();
    const calls: [string, () => Promise<unknown>][] = [
      ['by', () => client.cancel(taskId, { by: bad })],
      ['reason', () => client.retry(taskId, { reason: bad })],
      ['reason', () => client.resolveTask(taskId, { reason: bad })],
      ['reason', () => client.submit(ping, 1, { reason: bad })],
      ['initiator', () => client.submit(ping, 1, { initiator: bad })],
      ['sourceSystem', () => client.submit(ping, 1, { sourceSystem: bad })],
      ['tags\\[1\\]', () => client.submit(ping, 1, { tags: ['good', bad] })],
    ];
    for (const [field, call] of calls) {
      const refused = call();
      await expect(refused).rejects.toThrow(InvalidInputError);
      await expect(refused).rejects.toThrow(new RegExp(`^${field} is `));
    }
    expect(await engine.taskState(taskId)).toBe('error');
  });
});
