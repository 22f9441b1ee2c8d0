import { Client as PostgresClient } from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createClient, defineWorkflow, migrateToLatest, UnknownWorkflowError } from '../../src/index.ts';
import { migrateTo } from '../../src/db/migrate.ts';
import { migrations } from '../../migrations/index.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

const input = z.object({ n: z.number() });
const workflow = (name: string) =>
  defineWorkflow({ namespace: 'shop', name, input, identity: 'caller_key' }).step('pay', () => 'paid');
const first = workflow('first');
const refund = workflow('refund');
const strangers = ['payout', 'payroll'].map(workflow);

const test = await useTestDatabase();
const open: { close(): Promise<void> }[] = [];
const client = (options: { poolSize?: number } = {}) => {
  const opened = createClient({ url: test.url, ...options });
  open.push(opened);
  return opened;
};

/** Has the effect of a restore of an older backup, a failover that lost commits, or a new database of the same name. */
async function loseEverything(): Promise<void> {
  await test.query('DROP SCHEMA tasker CASCADE');
  await migrateToLatest(test.directUrl ?? test.url);
}

async function tasks(): Promise<{ task_id: string; name: string; n: number; steps: number }[]> {
  return test.query(
    `SELECT t.task_id, k.name, (t.context ->> 'n')::int AS n,
       (SELECT count(*)::int FROM tasker.tasker_workflow_steps s WHERE s.task_id = t.task_id) AS steps
     FROM tasker.tasker_tasks t JOIN tasker.tasker_named_tasks k USING (named_task_id) ORDER BY t.task_id`,
  );
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((opened) => opened.close()));
});

describe('a client that outlives the state of its database', () => {
  it('registers its workflow again, and its tasks are of that workflow', async () => {
    await loseEverything();
    const living = client();
    await living.submit(first, { n: 0 }, { key: '0' });
    await living.submit(refund, { n: 1 }, { key: '1' });

    await loseEverything();
    expect(await living.submit(refund, { n: 2 }, { key: '2' })).toEqual({ outcome: 'created', taskId: '1' });
    expect(await living.submit(refund, { n: 2 }, { key: '2' })).toEqual({
      outcome: 'existing',
      taskId: '1',
      inputDiffers: false,
    });
    expect(await tasks()).toEqual([{ task_id: '1', name: 'refund', n: 2, steps: 1 }]);
  });

  it('never submits to the workflow that has its former id now', async () => {
    await loseEverything();
    const living = client();
    await living.submit(first, { n: 0 }, { key: '0' });
    await living.submit(refund, { n: 1 }, { key: '1' });

    await loseEverything();
    const other = client();
    for (const stranger of strangers) await other.submit(stranger, { n: 0 }, { key: '0' });
    expect(await living.submit(refund, { n: 99 }, { key: '99' })).toMatchObject({ outcome: 'created' });
    expect((await tasks()).map(({ name, n }) => [name, n])).toEqual([
      ['payout', 0],
      ['payroll', 0],
      ['refund', 99],
    ]);
  });

  it('compares the version as well as the name', async () => {
    await loseEverything();
    const versioned = (version: string) =>
      defineWorkflow({ namespace: 'shop', name: 'versioned', version, input, identity: 'caller_key' }).step(
        'a',
        () => 1,
      );
    const living = client();
    await living.submit(versioned('2.0.0'), { n: 0 }, { key: '0' });
    const two = versioned('2.0.0');
    await living.submit(two, { n: 1 }, { key: '1' });

    await loseEverything();
    await client().submit(versioned('1.0.0'), { n: 0 }, { key: 'former' });
    await living.submit(two, { n: 2 }, { key: '2' });
    expect(
      await test.query(
        `SELECT k.version, t.context FROM tasker.tasker_tasks t JOIN tasker.tasker_named_tasks k USING (named_task_id) ORDER BY task_id`,
      ),
    ).toEqual([
      { version: '1.0.0', context: { n: 0 } },
      { version: '2.0.0', context: { n: 2 } },
    ]);
  });

  it('continues a stream during which the database went back to an earlier state', async () => {
    await loseEverything();
    const living = client();
    await living.submit(first, { n: 0 }, { key: 'before' });
    const requests = async function* () {
      for (let n = 0; n < 4; n += 1) yield { input: { n }, key: String(n) };
      // Batches in flight must not meet a schema that is half dropped.
      await waitFor(async () => (await tasks()).length === 5, { what: 'the first two batches to be written' });
      await loseEverything();
      for (const stranger of strangers) await client().submit(stranger, { n: 0 }, { key: '0' });
      for (let n = 4; n < 8; n += 1) yield { input: { n }, key: String(n) };
    };
    const outcomes: string[] = [];
    for await (const { outcome, taskId } of living.submitMany(refund, requests(), { batchSize: 2 })) {
      expect(taskId).toMatch(/^\d+$/);
      outcomes.push(outcome);
    }
    expect(outcomes).toEqual(Array.from({ length: 8 }, () => 'created'));
    const refunds = (await tasks()).filter(({ name }) => name === 'refund').map(({ n }) => n);
    // Two batches are in flight at once, so their order is open.
    expect(refunds.toSorted()).toEqual([4, 5, 6, 7]);
  });

  it('makes a schedule only after its workflow is registered', async () => {
    await loseEverything();
    const living = client();
    await living.register(refund);
    await loseEverything();
    await living.schedule(refund, { key: 'nightly', cron: '0 3 * * *', input: { n: 1 } });
    expect(await test.query('SELECT name FROM tasker.tasker_named_tasks')).toEqual([{ name: 'refund' }]);
  });

  it('does not return another task than the one it waits for', async () => {
    await loseEverything();
    const living = client({ poolSize: 1 });
    const { taskId } = await living.submit(refund, { n: 1 }, { key: '1' });
    const waiting = Promise.allSettled([living.waitForTask(taskId, { timeoutMs: 20_000 })]);
    // There is one connection, so the first read of the wait comes before this statement.
    await living.getTask(taskId);
    await test.query(
      `UPDATE tasker.tasker_tasks SET identity_hash = 'of another order', state = 'complete', complete = true`,
    );
    const [waited] = await waiting;
    expect(waited).toMatchObject({
      status: 'rejected',
      reason: { message: expect.stringContaining('task 1 is another one than it was') as string },
    });
  });
});

describe('submitTask in a transaction of another migrated database', async () => {
  const elsewhere = await useTestDatabase();
  const inTransaction = async <T>(begin: string, work: (tx: PostgresClient) => Promise<T>): Promise<T> => {
    const tx = new PostgresClient({ connectionString: elsewhere.url });
    await tx.connect();
    try {
      await tx.query(begin);
      const result = await work(tx);
      await tx.query('COMMIT');
      return result;
    } finally {
      await tx.end();
    }
  };
  const names = async () =>
    elsewhere.query(
      'SELECT k.name FROM tasker.tasker_tasks JOIN tasker.tasker_named_tasks k USING (named_task_id) ORDER BY task_id',
    );

  it('is refused if the workflow is not registered in that database, and leaves the transaction usable', async () => {
    await loseEverything();
    const living = client();
    await living.register(refund);
    await client().register(strangers[0] as typeof refund);
    await inTransaction('BEGIN', async (tx) => {
      await tx.query('CREATE TABLE IF NOT EXISTS business (note text)');
      const refused = living.submitTask(tx, refund, { n: 1 }, { key: '1' });
      await expect(refused).rejects.toBeInstanceOf(UnknownWorkflowError);
      await expect(refused).rejects.toThrow(/sees no workflow shop\/refund .*another database/);
      await tx.query(`INSERT INTO business VALUES ('kept')`);
    });
    expect(await elsewhere.query('SELECT note FROM business')).toEqual([{ note: 'kept' }]);
    expect(await names()).toEqual([]);
  });

  it('uses the id that the workflow has there', async () => {
    await loseEverything();
    const living = client();
    await living.submit(first, { n: 0 }, { key: '0' });
    await living.submit(refund, { n: 0 }, { key: '0' });
    const there = createClient({ url: elsewhere.url });
    open.push(there);
    for (const stranger of strangers) await there.register(stranger);
    await there.register(refund);

    const submitted = await inTransaction('BEGIN', (tx) => living.submitTask(tx, refund, { n: 7 }, { key: '7' }));
    expect(submitted).toEqual({ outcome: 'created', taskId: expect.stringMatching(/^\d+$/) as string });
    expect(await names()).toEqual([{ name: 'refund' }]);
    // The id that the client cached for its own database is still valid.
    expect(await living.submit(refund, { n: 8 }, { key: '8' })).toMatchObject({ outcome: 'created' });
    expect((await tasks()).map(({ name }) => name)).toEqual(['first', 'refund', 'refund']);
  });

  it('works in its own database after that lost the workflow; if the snapshot is older, the error says what to do', async () => {
    await loseEverything();
    const living = client();
    await living.submit(first, { n: 0 }, { key: '0' });
    await living.submit(refund, { n: 0 }, { key: '0' });
    await loseEverything();
    const tx = await test.pool.connect();
    try {
      await tx.query('BEGIN');
      expect(await living.submitTask(tx, refund, { n: 1 }, { key: '1' })).toMatchObject({ outcome: 'created' });
      await tx.query('COMMIT');
      expect((await tasks()).map(({ name, n }) => [name, n])).toEqual([['refund', 1]]);

      await loseEverything();
      await tx.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
      await tx.query('SELECT FROM tasker.tasker_tasks');
      await expect(living.submitTask(tx, refund, { n: 2 }, { key: '2' })).rejects.toThrow(/repeat the transaction/);
      await tx.query('ROLLBACK');
      await tx.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
      expect(await living.submitTask(tx, refund, { n: 2 }, { key: '2' })).toMatchObject({ outcome: 'created' });
      await tx.query('COMMIT');
    } finally {
      tx.release();
    }
  });
});

describe('a client whose database lacks a migration', () => {
  it('names it, and submits when it is applied', async () => {
    const living = client();
    await living.submit(first, { n: 1 }, { key: 'before' });
    const before = migrations.findIndex(({ name }) => name.endsWith('_trace_context')) - 1;
    await migrateTo(test.directUrl ?? test.url, migrations[before]?.name as string);
    await expect(living.submit(first, { n: 2 }, { key: 'again' })).rejects.toMatchObject({
      code: 'SCHEMA_OUTDATED',
      details: { missing: migrations.slice(before + 1).map(({ name }) => name) },
    });
    await migrateToLatest(test.directUrl ?? test.url);
    expect(await living.submit(first, { n: 2 }, { key: 'again' })).toMatchObject({ outcome: 'created' });
  });
});
