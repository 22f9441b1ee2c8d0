import pg from 'pg';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createClient } from '../../src/client/client.ts';
import { reportedState } from '../../src/db/connections/sql-errors.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

const test = await useTestDatabase();
const client = createClient({ url: test.url });
const workflowOf = (queue: string) =>
  defineWorkflow({ name: queue, input: z.unknown() }).step('a', { queue, retryLimit: 1 }, () => 1);
const job = workflowOf('job');
await client.register(job);
afterAll(() => client.close());

let caller: pg.PoolClient;
beforeEach(async () => {
  caller = await test.pool.connect();
});
afterEach(async () => {
  await caller.query('ROLLBACK');
  caller.release();
});

describe('a submit in the caller’s transaction', () => {
  it('costs one statement if the driver has the status of the transaction, and two if not', async () => {
    const texts: string[] = [];
    const query = (config: { text: string; values?: unknown[] }) => {
      texts.push(config.text.trim().slice(0, 10));
      return caller.query(config);
    };
    await caller.query('BEGIN');
    await client.submitTask({ query, getTransactionStatus: () => caller.getTransactionStatus() } as never, job, 1);
    expect(texts).toEqual(['WITH input']);
    texts.length = 0;
    await client.submitTask({ query }, job, 2);
    expect(texts).toEqual(['LOCK TABLE', 'WITH input']);
  });

  it('is refused for a client before its BEGIN and after its COMMIT, and makes no task', async () => {
    const refused =
      /^transaction is a client of pg without an open transaction, .*: pass a client of pool\.connect\(\)/;
    await expect(client.submitTask(caller, job, 1)).rejects.toThrow(refused);
    await caller.query('BEGIN');
    await caller.query('COMMIT');
    await expect(client.submit(job, 1, { transaction: caller })).rejects.toThrow(refused);
    expect(await test.query('SELECT FROM tasker.tasker_tasks')).toEqual([]);
  });

  it('may be in any isolation level; operators’ actions need READ COMMITTED', async () => {
    await caller.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    const { taskId } = await client.submitTask(caller, job, 1);
    await expect(client.cancel(taskId, { transaction: caller })).rejects.toThrow(
      /^transaction is REPEATABLE READ: .* need READ COMMITTED/,
    );
    await caller.query('COMMIT');
    expect((await client.getTask(taskId))?.state).toBe('pending');
  });

  it('may be one of many: all of them or none, and the transaction is free between two batches', async () => {
    const requests = [1, 2, 3, 4, 5].map((input) => ({ input }));
    const submitAll = async () => {
      const ids: string[] = [];
      const stream = client.submitMany(job, requests, { transaction: caller, batchSize: 2 });
      for await (const { taskId } of stream) {
        await caller.query('SELECT 1');
        ids.push(taskId);
      }
      return ids;
    };
    await caller.query('BEGIN');
    const undone = await submitAll();
    await caller.query('ROLLBACK');
    await caller.query('BEGIN');
    const done = await submitAll();
    expect(await client.getTask(done[4] as string)).toBeUndefined();
    await caller.query('COMMIT');
    const states = (ids: string[]) => Promise.all(ids.map(async (id) => (await client.getTask(id))?.state));
    expect(await states(undone)).toEqual(Array.from({ length: 5 }));
    expect(await states(done)).toEqual(Array.from({ length: 5 }, () => 'pending'));
  });

  it('is refused if it would be ignored, or could never end', async () => {
    await caller.query('BEGIN');
    const request = { input: 1, transaction: caller };
    await expect(client.submitMany(job, [request]).next()).rejects.toThrow(
      'transaction is given to a request of submitMany: give it to submitMany itself',
    );
    await expect(client.submitAndWait(job, 1, { transaction: caller } as object)).rejects.toThrow(
      'transaction is given to submitAndWait: submit in it, commit, and then wait for client.result',
    );
  });

  it('sees, cancels and submits in one transaction', async () => {
    await caller.query('BEGIN');
    const { taskId } = await client.submitTask(caller, job, 1);
    expect(await client.cancel(taskId, { transaction: caller })).toEqual({ outcome: 'cancelled', steps: 1 });
    await caller.query('COMMIT');
    expect((await client.getTask(taskId))?.state).toBe('cancelled');
  });
});

describe('an error in the caller’s transaction', () => {
  const failing = (error: unknown) => client.submitTask({ query: () => Promise.reject(error) }, job, 1);
  it.each(['ECONNRESET', 'CONNECTION_CLOSED', 'CONNECT_TIMEOUT', 'P1017', '57P01', '40001'])(
    'of the connection or the server is thrown as it is: %s',
    async (code) => {
      const error = Object.assign(new Error('lost'), { code });
      await expect(failing(error)).rejects.toBe(error);
    },
  );

  it('of the library is refused with its words', async () => {
    await expect(failing(new Error('released\n  already'))).rejects.toThrow(
      /^transaction is an object with a query of its own that runs no statement \(released already\): pass /,
    );
  });
});

describe('workers are notified of a task in the caller’s transaction', () => {
  const received: string[] = [];
  let listening: pg.Client;
  beforeEach(async () => {
    received.length = 0;
    listening = new pg.Client({ connectionString: test.directUrl ?? test.url });
    await listening.connect();
    listening.on('notification', ({ payload }) => received.push(payload ?? ''));
    await listening.query('LISTEN tasker_ready');
  });
  afterEach(() => listening.end());

  it('after its commit, however late, and not before', async () => {
    await caller.query('BEGIN');
    await client.submitTask(caller, workflowOf('late'), 1);
    // A task that commits meanwhile shows that the first check has been made.
    const other = await test.pool.connect();
    await other.query('BEGIN');
    await client.submitTask(other, workflowOf('soon'), 1);
    await other.query('COMMIT');
    other.release();
    await waitFor(() => received.includes('soon'), { what: 'the notification of the task that is committed' });
    expect(received).not.toContain('late');
    await caller.query('COMMIT');
    await waitFor(() => received.includes('late'), { what: 'the notification of the task that is committed later' });
  });

  it('at the latest when the client closes, and never if it was rolled back', async () => {
    const closing = createClient({ url: test.url });
    await caller.query('BEGIN');
    await closing.submitTask(caller, workflowOf('undone'), 1);
    await caller.query('ROLLBACK');
    await caller.query('BEGIN');
    await closing.submitTask(caller, workflowOf('done'), 1);
    await caller.query('COMMIT');
    await closing.close();
    await waitFor(() => received.includes('done'), { what: 'the notification' });
    expect(received).not.toContain('undone');
  });
});

describe('the SQLSTATE of an error', () => {
  const ofDriver = Object.assign(new Error('no table'), { code: '42P01' });
  it.each([
    ['the driver', ofDriver],
    ['Drizzle and MikroORM', new Error('Failed query', { cause: ofDriver })],
    ['TypeORM', Object.assign(new Error('failed'), { driverError: ofDriver })],
  ])('is found in that of %s', (_, error) => {
    expect(reportedState(error)).toEqual({ code: '42P01', message: 'no table', error: ofDriver });
  });

  it('is found in that of Prisma, whose own codes are none', () => {
    const cause = { kind: 'postgres', originalCode: '42P01', originalMessage: 'no table' };
    const error = Object.assign(new Error('x'), { code: 'P2010', meta: { driverAdapterError: { cause } } });
    expect(reportedState(error)).toEqual({ code: '42P01', message: 'no table' });
    expect(reportedState(Object.assign(new Error('closed'), { code: 'P2028' }))).toBeUndefined();
    expect(reportedState(undefined)).toBeUndefined();
  });
});
