import { expect, test } from 'vitest';
import { takeRunLock } from '../../examples/order-fulfillment/run/run-lock.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

const database = await useTestDatabase({ empty: true });
const take = (name: string, applicationName: string) => takeRunLock({ url: database.url, name, applicationName });

test('one at a time has the lock, the others learn who; released, the next one gets it', async () => {
  const first = await take('orders', 'first run');
  expect(first.outcome).toBe('taken');
  expect(await take('orders', 'second run')).toEqual({
    outcome: 'held',
    by: expect.stringMatching(/^first run at \S+$/),
  });
  if (first.outcome === 'taken') {
    await first.lock.release();
    await first.lock.release();
  }
  const third = await waitFor(
    async () => {
      const tried = await take('orders', 'third run');
      return tried.outcome === 'taken' && tried;
    },
    { what: 'the lock' },
  );
  await third.lock.release();
});

test('another name is another lock', async () => {
  const locks = [await take('orders', 'a'), await take('invoices', 'b')];
  expect(locks.map((each) => each.outcome)).toEqual(['taken', 'taken']);
  for (const each of locks) if (each.outcome === 'taken') await each.lock.release();
});

test('a holder whose connection is cut has lost the lock', async () => {
  const cut = await take('orders', 'cut off');
  expect((await take('orders', 'next run')).outcome).toBe('held');
  await database.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cut off'`);
  const next = await waitFor(
    async () => {
      const tried = await take('orders', 'next run');
      return tried.outcome === 'taken' && tried;
    },
    { what: 'the lock' },
  );
  await next.lock.release();
  if (cut.outcome === 'taken') await cut.lock.release();
});

test('a database that cannot be reached is an error, not a held lock', async () => {
  await expect(
    takeRunLock({ url: 'postgresql://127.0.0.1:1/none', name: 'orders', applicationName: 'x' }),
  ).rejects.toThrow('ECONNREFUSED');
});
