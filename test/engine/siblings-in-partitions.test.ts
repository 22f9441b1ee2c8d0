import { expect, it } from 'vitest';
import { examine } from '../../src/db/doctor/examine.ts';
import { diamond, useEngine } from './engine-fixture.ts';
import { waitFor } from '../support/wait-for.ts';

const engine = await useEngine({ plans: 'pinned' });
const { test } = engine;
const workflow = await engine.workflow(diamond);

/** Waits until a session of the engine waits for a row. */
const waiting = (): Promise<unknown> =>
  waitFor(
    async () =>
      (
        await test.query(
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()`,
        )
      ).length > 0,
    { timeoutMs: 10_000, intervalMs: 5, what: 'a statement that waits for a row' },
  );

/*
 * Two parents that end together change the same child. The second waits for its row, and PostgreSQL then evaluates the update again on
 * the row as the first left it. In PostgreSQL 18 that evaluation shares the state by which partitions are left out during a
 * scan, so what the statement reads afterwards of a partitioned table may be nothing.
 */
it('a completion that waited for the row of a child writes the history of its step', async () => {
  await test.query(`SELECT setval(pg_get_serial_sequence('tasker.tasker_tasks', 'task_id'), 2500000)`);
  const taskId = await engine.submitOne(workflow);
  const worker = await engine.worker();
  await worker.complete([await worker.claimOne()]);
  const [left, right] = await worker.claimTwo();
  const other = await test.pool.connect();
  try {
    await other.query('BEGIN');
    // As the completion of the other parent does.
    await other.query(
      `UPDATE tasker.tasker_workflow_steps SET inputs = inputs WHERE task_id = $1 AND unmet_parents = 2`,
      [taskId],
    );
    const completion = worker.complete([left]);
    await waiting();
    await other.query('COMMIT');
    await completion;
  } finally {
    other.release();
  }
  await worker.complete([right]);
  expect(await examine(engine.db)).toEqual([]);
});
