import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { useTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';
import { LockWatch } from './lock-watch.ts';

const test = await useTestDatabase();

it('the watch of locks sees a session that waits for a table, how long it waits, and what for', async () => {
  const watch = new LockWatch(test.url);
  await watch.start();
  const [holder, waiter] = [await test.pool.connect(), await test.pool.connect()];
  try {
    await holder.query('BEGIN; LOCK TABLE tasker.tasker_tasks IN ACCESS EXCLUSIVE MODE');
    const waits = waiter.query('SELECT count(*) FROM tasker.tasker_tasks');
    await waitFor(() => watch.longestMs > 0, { what: 'the wait to be seen' });
    await sleep(300);
    await holder.query('COMMIT');
    await waits;
  } finally {
    await watch.stop();
    holder.release();
    waiter.release();
  }
  expect(watch.longestMs).toBeGreaterThan(250);
  expect(watch.longestQuery).toBe('SELECT count(*) FROM tasker.tasker_tasks');
});
