import { join } from 'node:path';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { finalizeUnfinalized } from '../../../src/engine/finalize.ts';
import type { CutMoment } from '../../support/tcp-proxy.ts';
import { waitFor } from '../../support/wait-for.ts';
import { useWorkers } from '../../worker/worker-fixture.ts';
import { matches, useCutDatabase } from './cut-database.ts';
import { expectHealed } from './expect-healed.ts';
import { matrix } from './matrix-workflows.ts';

const long = process.env['TASKER_TEST_LONG'] === '1';
const fleet = await useWorkers();
const cut = useCutDatabase(fleet.test.url);
const effectsFile = join(inject('testRun').scratchDir, 'effects-of-cuts.jsonl');
process.env['EFFECTS_FILE'] = effectsFile;

const MOMENTS: readonly CutMoment[] = ['before', 'executed', 'committed', 'silent_before', 'silent_committed'];
/** Every statement that a worker sends about steps. COMMIT: that of the transaction that finalizes a task. */
const WORKER_STATEMENTS = [
  'claim_steps',
  'complete_steps',
  'fail_steps',
  'load_inputs',
  'flag_blocked_tasks',
  'COMMIT',
];
/** The cells of the matrix that always run; TASKER_TEST_LONG=1 runs all of them. */
const SHORT: Record<string, readonly CutMoment[]> = {
  claim_steps: ['executed', 'committed', 'silent_committed'],
  complete_steps: ['executed', 'committed', 'silent_committed'],
  fail_steps: ['executed', 'committed'],
  COMMIT: ['committed', 'silent_before'],
};
const figures = { cells: 0, cuts: 0, steps: 0, attempts: 0, effects: 0 };

afterAll(() => console.log(`crash matrix, connections of workers cut: ${JSON.stringify(figures)}`));

describe('a connection that breaks under a worker', () => {
  const cells = WORKER_STATEMENTS.flatMap((statement) =>
    MOMENTS.filter((moment) => statement !== 'COMMIT' || moment !== 'executed')
      .filter((moment) => long || SHORT[statement]?.includes(moment) === true)
      .map((moment) => ({ statement, moment })),
  );
  it.each(cells)('$statement, $moment', async ({ statement, moment }) => {
    const db = cut.open();
    const taskIds: string[] = [];
    for (let index = 0; index < (long ? 20 : 4); index += 1) {
      taskIds.push(await fleet.submit(matrix, { doomed: index === 3 }));
    }
    const connectionCut = cut.proxy.cutOn(matches(statement), { moment, times: long ? 5 : 2 });
    // Without a cache, the inputs of every child that a completion claims are loaded.
    const worker = await fleet.start([matrix], {
      db,
      leaseSeconds: 30,
      resultCacheBytes: statement === 'load_inputs' ? 0 : 1_000_000,
    });
    await waitFor(
      async () => {
        await finalizeUnfinalized(fleet.db);
        const [row] = await fleet.test.query<{ open: number }>(
          `SELECT count(*)::integer AS open FROM tasker.tasker_tasks WHERE state IN ('pending', 'in_progress')`,
        );
        return row?.open === 0;
      },
      { what: 'every task to end', timeoutMs: 25_000 },
    ).catch(async (error: Error) => {
      const sessions = await fleet.test.query(
        `SELECT pid, state, wait_event_type, wait_event, pg_blocking_pids(pid) AS blocked_by, left(query, 60) AS query
         FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
      );
      const unprocessed = await fleet.test.query(
        `SELECT workflow_step_id, state, attempts, ready_at, claim_id FROM tasker.tasker_workflow_steps WHERE NOT processed`,
      );
      throw new Error(`${error.message}; ${JSON.stringify({ unprocessed, sessions }, null, 1)}`);
    });
    connectionCut.cancel();
    await worker.stop();
    expect(connectionCut.count).toBeGreaterThan(0);
    const counts = await expectHealed(fleet.test, fleet.db, { taskIds, effectsFile });
    // No process crashed, so no step may have been recovered.
    expect(counts.crashes).toBe(0);
    expect(counts.effects).toBe(counts.attempts);
    figures.cells += 1;
    figures.cuts += connectionCut.count;
    figures.steps += counts.steps;
    figures.attempts += counts.attempts;
    figures.effects += counts.effects;
  });

  it('notices a completion that the server commits after the worker gave up waiting for it', async () => {
    // As behind a pooler: the server has no time limit of its own, and continues after the worker has given up.
    const db = cut.open('-c statement_timeout=0');
    const taskId = await fleet.submit(matrix, {});
    // Another session has locked the row of step d: the completion that claims d still runs when the worker gives it up.
    const blocker = await fleet.test.pool.connect();
    const worker = await fleet.start([matrix], { db, leaseSeconds: 30 });
    try {
      await blocker.query('BEGIN');
      await blocker.query(
        'SELECT FROM tasker.tasker_workflow_steps WHERE workflow_step_id = $1::bigint * 65536 + 4 FOR UPDATE',
        [taskId],
      );
      await waitFor(
        async () => {
          const rows = await fleet.test.query(
            `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%WITH done AS%'`,
          );
          // The completions of b and c, and the repetition.
          return rows.length >= 3;
        },
        { what: 'the worker to have sent its completion twice' },
      );
    } finally {
      await blocker.query('COMMIT');
      blocker.release();
    }
    expect(await fleet.taskIn(taskId, ['complete', 'error'], 25_000)).toBe('complete');
    await worker.stop();
    await expectHealed(fleet.test, fleet.db, { taskIds: [taskId], effectsFile });
  });

  it('completes everything although every connection of the worker is terminated twenty times', async () => {
    const db = cut.open();
    const taskIds: string[] = [];
    for (let index = 0; index < (long ? 200 : 60); index += 1) taskIds.push(await fleet.submit(matrix, {}));
    const worker = await fleet.start([matrix], { db, leaseSeconds: 30, slots: 4 });
    let terminated = 0;
    for (let round = 0; round < 20; round += 1) {
      const rows = await fleet.test.query<{ killed: boolean }>(
        `SELECT pg_terminate_backend(pid) AS killed FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'tasker cut'`,
      );
      terminated += rows.length;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    for (const taskId of taskIds) expect(await fleet.taskIn(taskId, ['complete', 'error'], 60_000)).toBe('complete');
    await worker.stop();
    const counts = await expectHealed(fleet.test, fleet.db, { taskIds, effectsFile });
    expect(counts.effects).toBe(counts.attempts);
    expect(terminated).toBeGreaterThan(5);
    console.log(`crash matrix, backends terminated: ${terminated}, ${JSON.stringify(counts)}`);
  });
});
