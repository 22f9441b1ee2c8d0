import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { z } from 'zod';
import { InvalidInputError } from '../../src/errors.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { idOf, traceOf, useRecordedSpans } from '../tracing/recorded-spans.ts';
import { diamond, useEngine } from '../engine/engine-fixture.ts';
import { openDrizzleOnPg, openDrizzleOnPostgresJs } from './libraries/drizzle.ts';
import { openKnex } from './libraries/knex.ts';
import { openKysely } from './libraries/kysely.ts';
import type { InTransaction, Library, OpenLibrary } from './libraries/library.ts';
import { openMikroOrm } from './libraries/mikro-orm.ts';
import { openPg } from './libraries/pg.ts';
import { openPostgresJs } from './libraries/postgres-js.ts';
import { openPrisma } from './libraries/prisma.ts';
import { openTypeOrm } from './libraries/typeorm.ts';

const LIBRARIES: readonly { name: string; open: OpenLibrary; adapter?: string }[] = [
  { name: 'pg', open: openPg },
  { name: 'Kysely', open: openKysely },
  { name: 'Drizzle on pg', open: openDrizzleOnPg, adapter: 'fromDrizzle' },
  { name: 'Drizzle on postgres.js', open: openDrizzleOnPostgresJs, adapter: 'fromDrizzle' },
  { name: 'postgres.js', open: openPostgresJs, adapter: 'fromPostgresJs' },
  { name: 'Prisma', open: openPrisma, adapter: 'fromPrisma' },
  { name: 'Knex', open: openKnex, adapter: 'fromKnex' },
  { name: 'TypeORM', open: openTypeOrm, adapter: 'fromTypeOrm' },
  { name: 'MikroORM', open: openMikroOrm, adapter: 'fromMikroOrm' },
];

const engine = await useEngine();
/** As in a program with an SDK. */
const recorded = useRecordedSpans();
await engine.test.query('CREATE TABLE orders (id text PRIMARY KEY)');
const client = createClient({ url: engine.test.url, poolSize: 2 });
afterAll(() => client.close());

const invoice = defineWorkflow({ name: 'invoice', identity: 'caller_key', input: z.unknown() }).step('print', () => 1);

class RolledBack extends Error {}

/** A task whose root step is blocked. */
async function taskInError(): Promise<string> {
  const taskId = await engine.submitOne(await engine.workflow(diamond));
  const worker = await engine.worker();
  for (const step of await worker.claim(64)) await worker.fail(step, { permanent: true });
  return taskId;
}

async function runningTask(): Promise<string> {
  const taskId = await engine.submitOne(await engine.workflow(diamond));
  await (await engine.worker()).claim(64);
  return taskId;
}

const stepA = async (taskId: string) => (await engine.steps(taskId))[0];
const counted = async () =>
  (await engine.test.query<{ n: number }>('SELECT count(*)::int AS n FROM tasker.tasker_tasks'))[0]?.n;

describe.each(LIBRARIES)('a transaction of $name', ({ name, open, adapter }) => {
  let library: Library;
  beforeAll(async () => {
    library = await open(engine.test.url);
  });
  afterAll(() => library.close());

  const rollBack = (work: (given: InTransaction) => Promise<unknown>): Promise<void> =>
    expect(
      library.inTransaction(async (given) => {
        await work(given);
        throw new RolledBack();
      }),
    ).rejects.toThrow(RolledBack);

  it('commits the task together with the rows of the caller', async () => {
    const order = `${name} 1`;
    const input = { order, nested: [1, null, { '?': '$2' }] };
    const { taskId } = await library.inTransaction(async ({ transaction, insertOrder }) => {
      await insertOrder(order);
      const options = { key: order, tags: ['a "b"', '{c}'], reason: "it's a $1 ? test", priority: 3 };
      const submitted = await client.submitTask(transaction, invoice, input, options);
      expect(submitted).toEqual({ outcome: 'created', taskId: expect.stringMatching(/^\d+$/) as string });
      expect(await client.getTask(submitted.taskId)).toBeUndefined();
      const again = await client.submit(invoice, input, { ...options, transaction });
      expect(again).toEqual({ outcome: 'existing', taskId: submitted.taskId, inputDiffers: false });
      return submitted;
    });
    expect(await client.getTask(taskId)).toMatchObject({
      state: 'pending',
      context: input,
      tags: ['a "b"', '{c}'],
      reason: "it's a $1 ? test",
      steps: [{ name: 'print', ready: true }],
    });
    expect(await engine.test.query('SELECT FROM orders WHERE id = $1', [order])).toHaveLength(1);
    const [begun, ...others] = recorded.named('task default/invoice');
    expect(others).toEqual([]);
    expect(
      await engine.test.query('SELECT trace_context FROM tasker.tasker_tasks WHERE task_id = $1', [taskId]),
    ).toEqual([{ trace_context: `00-${traceOf(begun!)}-${idOf(begun!)}-01` }]);
  });

  it('rolls the task back together with the rows of the caller', async () => {
    const order = `${name} 2`;
    const before = await counted();
    await rollBack(async ({ transaction, insertOrder }) => {
      await insertOrder(order);
      await client.submitTask(transaction, diamond, { order });
    });
    expect(await counted()).toBe(before);
    expect(await engine.test.query('SELECT FROM orders WHERE id = $1', [order])).toEqual([]);
  });

  it('creates a task in place of one that has ended', async () => {
    const options = { key: `${name} again`, reuse: 'afterEnd' } as const;
    const { taskId } = await client.submit(invoice, 1, options);
    await client.cancel(taskId);
    const again = await library.inTransaction(({ transaction }) => client.submitTask(transaction, invoice, 2, options));
    expect(again).toMatchObject({ outcome: 'created', replaces: taskId });
  });

  it('cancels a task if it commits', async () => {
    const taskId = await runningTask();
    await rollBack(async ({ transaction }) => {
      expect(await client.cancel(taskId, { transaction })).toEqual({ outcome: 'cancelled', steps: 4 });
    });
    expect(await engine.taskState(taskId)).toBe('in_progress');
    await library.inTransaction(({ transaction }) => client.cancel(taskId, { transaction, reason: 'refund' }));
    expect(await engine.taskState(taskId)).toBe('cancelled');
  });

  it('retries a step if it commits', async () => {
    const taskId = await taskInError();
    await rollBack(async ({ transaction }) => {
      expect(await client.retry(taskId, { steps: ['a'], transaction })).toMatchObject({
        outcome: 'retried',
        steps: [{ name: 'a', retryLimit: expect.any(Number) as number }],
      });
    });
    expect(await engine.taskState(taskId)).toBe('error');
    await library.inTransaction(({ transaction }) => client.retry(taskId, { transaction }));
    expect(await engine.taskState(taskId)).toBe('in_progress');
    expect(await stepA(taskId)).toMatchObject({ state: 'pending', ready: true });
  });

  it('resolves a step, with the result for its children, or the whole task, if it commits', async () => {
    const taskId = await taskInError();
    await rollBack(async ({ transaction }) => {
      expect(await client.resolveTask(taskId, { transaction })).toMatchObject({ taskState: 'resolved_manually' });
    });
    expect(await engine.taskState(taskId)).toBe('error');
    const result = { paid: 'by "hand"', at: null };
    expect(
      await library.inTransaction(({ transaction }) => client.resolveStep(taskId, 'a', { result, transaction })),
    ).toMatchObject({ outcome: 'resolved', taskState: 'in_progress', queues: ['default'] });
    const steps = await engine.steps(taskId);
    expect(steps[0]).toMatchObject({ state: 'resolved_manually', results: result });
    expect(steps.map(({ ready }) => ready)).toEqual([false, true, true, false]);
  });

  it('releases a held step if it commits', async () => {
    const taskId = await runningTask();
    const release = ({ transaction }: InTransaction) => client.releaseStep(taskId, 'a', { transaction, force: true });
    await rollBack(async (given) => expect((await release(given)).outcome).toBe('released'));
    expect(await stepA(taskId)).toMatchObject({ state: 'in_progress' });
    await library.inTransaction(release);
    expect(await stepA(taskId)).toMatchObject({ state: 'pending', ready: true, attempts: 0 });
  });

  it('is refused if none is open, and no task is made', async () => {
    const before = await counted();
    const { given, end } = await library.outside();
    const refused = client.submitTask(given, diamond, name);
    await expect(refused).rejects.toThrow(InvalidInputError);
    await expect(refused).rejects.toThrow(/^transaction is .*: pass /);
    await expect(client.cancel('1', { transaction: given })).rejects.toThrow(InvalidInputError);
    await end?.();
    expect(await counted()).toBe(before);
  });

  it('is refused after a statement in it has failed', async () => {
    const failed = library.inTransaction(async ({ transaction, insertOrder }) => {
      await insertOrder(`${name} 3`);
      await Promise.resolve(insertOrder(`${name} 3`)).catch(() => undefined);
      const refused = client.submitTask(transaction, diamond, name);
      await expect(refused).rejects.toThrow(/that has failed and can only be rolled back/);
      throw new RolledBack();
    });
    // postgres.js rejects with the first error, whatever the callback does about it.
    await expect(failed).rejects.toBeInstanceOf(Error);
  });

  it('and its handle outside of one are refused by their names', async () => {
    const refuse = async (given: unknown, message: RegExp) => {
      const refused = client.submitTask(given as never, diamond, name);
      await expect(refused).rejects.toThrow(InvalidInputError);
      await expect(refused).rejects.toThrow(message);
    };
    await refuse(library.handle, new RegExp(name.replace(/ on .*/, '').replace(/^pg$/, 'pool')));
    if (adapter === undefined) return;
    await refuse(library.handle, new RegExp(`pass ${adapter}\\(`));
    await library.inTransaction(({ bare }) => refuse(bare, new RegExp(`pass ${adapter}\\(`)));
  });
});

describe('another database’s transaction', () => {
  it.each(LIBRARIES)('of $name is refused, whatever its library makes of the error', async ({ open }) => {
    const elsewhere = new URL(engine.test.url);
    elsewhere.pathname = '/postgres';
    const library = await open(elsewhere.href);
    try {
      const refused = library.inTransaction(({ transaction }) => client.submitTask(transaction, diamond, 1));
      await expect(refused).rejects.toMatchObject({
        code: 'TRANSACTION_ELSEWHERE',
        message: expect.stringContaining('a database without the tables of schema "tasker"') as string,
      });
    } finally {
      await library.close();
    }
  });
});
