import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Database } from '../../src/db/connections/database.ts';
import type { reportActivity } from '../../src/db/statements/workers/worker-activity.ts';
import { PermanentError } from '../../src/errors.ts';
import { Activity } from '../../src/worker/telemetry/activity.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { waitFor } from '../support/wait-for.ts';
import { noEvents, useWorkers } from './worker-fixture.ts';

const workers = await useWorkers();

interface Row {
  started_attempts: string;
  completed_attempts: string;
  failed_attempts: string;
  completed_seconds: number;
  running_steps: number;
  running_seconds: number;
}

type Report = Parameters<typeof reportActivity.values>[0];

const columnsOf = ({ worker_id: workerId, queues }: Report): unknown[] => [
  workerId,
  queues.map((row) => row.queue),
  queues.map((row) => row.started),
  queues.map((row) => row.completed),
  queues.map((row) => row.failed),
  queues.map((row) => row.completed_seconds),
  queues.map((row) => row.running),
  queues.map((row) => row.running_seconds),
];

const rows = (workerId: string | undefined): Promise<Row[]> =>
  workers.test.query<Row>(
    `SELECT started_attempts, completed_attempts, failed_attempts, completed_seconds, running_steps, running_seconds
     FROM tasker.tasker_worker_activity WHERE queue = 'default' AND worker_id = $1`,
    [workerId],
  );

describe('the activity that a worker reports', () => {
  it('is what it started, completed and failed, how long that took, and what runs now', async () => {
    const release = Promise.withResolvers<void>();
    const workflow = defineWorkflow({ name: 'reported', input: z.strictObject({ kind: z.string() }) }).step(
      'a',
      { timeoutSeconds: 60 },
      async ({ input }) => {
        if (input.kind === 'fails') throw new PermanentError('as the test wished');
        if (input.kind === 'waits') await release.promise;
      },
    );
    const worker = await workers.start([workflow], { activityIntervalMs: 50 });
    const workerId = worker.lease.last;
    await workers.submit(workflow, { kind: 'completes' });
    await workers.submit(workflow, { kind: 'fails' });
    const waits = await workers.submit(workflow, { kind: 'waits' });
    const running = await waitFor(
      async () => {
        const [row] = await rows(workerId);
        return row?.completed_attempts === '1' && row.failed_attempts === '1' && row.running_steps === 1
          ? row
          : undefined;
      },
      { what: 'the report of one completed, one failed and one that runs' },
    );
    expect(running.started_attempts).toBe('3');
    release.resolve();
    await workers.taskIn(waits, ['complete']);
    await worker.stop();
    // The last report is made at the end, however long the interval is.
    const [last] = await rows(workerId);
    expect(last).toMatchObject({ completed_attempts: '2', running_steps: 0, running_seconds: 0 });
    expect(last?.completed_seconds).toBeGreaterThanOrEqual(running.running_seconds);
  });

  it('is reported later if the database did not take it, and not at all if there is nothing to report', async () => {
    const reported: unknown[][] = [];
    let fail = true;
    const db = {
      run: async (_: unknown, given: Report) => {
        if (fail) throw new Error('away');
        reported.push(columnsOf(given));
        return [];
      },
    } as unknown as Database;
    const activity = new Activity({ db, lease: { current: '7' }, settings: { queues: ['default'] }, events: noEvents });
    await activity.report();
    activity.started('default', 10);
    await expect(activity.report()).rejects.toThrow('away');
    activity.ended('default', 10, 1.5, 'completed');
    activity.started('default', 20);
    activity.ended('default', 20, 0.5, 'released');
    fail = false;
    await activity.report();
    await activity.report();
    expect(reported).toEqual([['7', ['default'], [2], [1], [0], [1.5], [0], [0]]]);
  });

  it('waits for a lease', async () => {
    const lease: { current: string | undefined } = { current: undefined };
    const reported: unknown[][] = [];
    const db = {
      run: async (_: unknown, given: Report) => void reported.push(columnsOf(given)),
    } as unknown as Database;
    const activity = new Activity({ db, lease, settings: { queues: ['default'] }, events: noEvents });
    activity.started('default', performance.now());
    await activity.report();
    expect(reported).toEqual([]);
    lease.current = '8';
    await activity.report();
    expect(reported).toEqual([['8', ['default'], [1], [0], [0], [0], [1], [expect.any(Number)]]]);
  });
});
