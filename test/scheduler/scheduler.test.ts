import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openDatabase } from '../../src/db/connections/database.ts';
import { Scheduler, type SchedulerOptions, type SchedulerSettings } from '../../src/scheduler/scheduler.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useEngine } from '../engine/engine-fixture.ts';
import { waitFor } from '../support/wait-for.ts';
import { noSchedulerEvents, schedulerSettings } from './scheduler-fixture.ts';

const engine = await useEngine();
const workflow = defineWorkflow({ name: 'nightly', input: z.unknown() }).step('a', () => 1);
const id = await engine.workflow(workflow);
const running: Scheduler[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((started) => started.stop()));
});

function scheduler(
  options: Partial<Omit<SchedulerOptions, 'settings'>> = {},
  settings: Partial<SchedulerSettings> = {},
): Scheduler {
  const created = new Scheduler({
    db: engine.db,
    settings: { ...schedulerSettings(engine.test.url), ...settings },
    name: 'test',
    version: '0',
    events: noSchedulerEvents,
    ...options,
  });
  running.push(created);
  return created;
}

describe('schedulers', () => {
  it('stop before they start, and stop twice', async () => {
    const idle = scheduler();
    await idle.stop();
    await idle.stop();
    expect(await engine.test.query('SELECT 1 FROM tasker.tasker_workers WHERE role = $1', ['scheduler'])).toEqual([]);
  });

  describe('that drain', () => {
    /** A scheduler with a chore that runs until it is released. */
    async function busy(drainGraceSeconds: number) {
      const gate = Promise.withResolvers<void>();
      const entered = Promise.withResolvers<void>();
      const run = async () => {
        entered.resolve();
        await gate.promise;
        return { done: 0, more: false };
      };
      const measurements = [{ name: 'gated', intervalMs: 10, run }];
      const started = scheduler({ measurements }, { drainGraceSeconds });
      await started.start();
      await entered.promise;
      const workerId = started.lease.last;
      const ended = async () =>
        (await engine.test.query('SELECT stopped_at FROM tasker.tasker_workers WHERE worker_id = $1', [workerId]))[0]?.[
          'stopped_at'
        ] !== null;
      return { scheduler: started, release: gate.resolve, ended };
    }

    it('wait for a chore under way for as long as TASKER_DRAIN_GRACE_SECONDS, and no longer', async () => {
      const { scheduler: stopped, release, ended } = await busy(2);
      const before = performance.now();
      expect(await stopped.stop()).toEqual({ unfinished: ['a chore'] });
      const seconds = (performance.now() - before) / 1000;
      expect(seconds).toBeGreaterThan(1.9);
      expect(seconds).toBeLessThan(9);
      // Not deregistered: it may still write, until its lease ends.
      expect(await ended()).toBe(false);
      release();
    });

    it('leave nothing behind if the chore ends within it', async () => {
      const { scheduler: stopped, release, ended } = await busy(20);
      const stopping = stopped.stop();
      const first = await Promise.race([
        stopping,
        new Promise((resolve) => setTimeout(() => resolve('still waits'), 500)),
      ]);
      expect(first).toBe('still waits');
      release();
      expect(await stopping).toEqual({ unfinished: [] });
      expect(await ended()).toBe(true);
    });
  });

  it('enqueue due retries, never early, each once however many schedulers live', async () => {
    await Promise.all([scheduler(), scheduler(), scheduler()].map((started) => started.start()));
    const worker = await engine.worker();
    const tasks = await Promise.all(Array.from({ length: 30 }, () => engine.submitOne(id)));
    /** When each may be tried again: its history has the time of the failure, which is taken some time after that of the retry. */
    const dueAt = new Map<string, Date>();
    for (let claimed = await worker.claim(16); claimed.length > 0; claimed = await worker.claim(16)) {
      for (const step of claimed) {
        // One of an earlier try of this test, or one whose retry was due before the last of them failed.
        if (!tasks.includes(step.taskId) || dueAt.has(step.taskId)) continue;
        const { failed } = await worker.fail(step, { requested: 1 });
        dueAt.set(step.taskId, (failed.get(step.stepId) as { retryAt: Date }).retryAt);
      }
      if (dueAt.size === tasks.length) break;
    }
    expect(dueAt.size).toBe(tasks.length);
    const enqueued = () =>
      engine.test.query<{ task_id: string; created_at: Date }>(
        `SELECT task_id, created_at FROM tasker.tasker_workflow_step_transitions
         WHERE cause = 'retry_due' AND task_id = ANY ($1)`,
        [tasks],
      );
    await waitFor(async () => (await enqueued()).length >= tasks.length, { what: 'every retry to be enqueued' });
    const rows = await enqueued();
    expect(new Set(rows.map((row) => row.task_id)).size).toBe(rows.length);
    expect(rows).toHaveLength(tasks.length);
    for (const row of rows)
      expect(row.created_at.getTime()).toBeGreaterThanOrEqual((dueAt.get(row.task_id) as Date).getTime());
  });

  it('enqueue a retry that is due long before their own sweep for retries, and keep to its interval without retries', async () => {
    const swept: string[] = [];
    const events = { ...noSchedulerEvents, swept: (chore: string) => swept.push(chore) };
    const statements: string[] = [];
    const db = openDatabase({ url: engine.test.url, onQuery: (name) => statements.push(name) });
    const started = scheduler({ db, events }, { retrySweepMs: 600_000 });
    await started.start();
    await waitFor(() => swept.filter((chore) => chore === 'retry_due').length >= 10, { what: 'polls for both' });
    expect(statements.filter((name) => name === 'requeue_due')).toEqual([]);
    const worker = await engine.worker();
    await engine.submitOne(id);
    const [step] = await worker.claim(1);
    await worker.fail(step as never, { requested: 0.3 });
    await waitFor(
      async () =>
        (
          await engine.test.query(
            `SELECT 1 FROM tasker.tasker_workflow_step_transitions WHERE workflow_step_id = $1 AND cause = 'retry_due'`,
            [step?.stepId],
          )
        ).length === 1,
      { what: 'the retry to be enqueued' },
    );
    await started.stop();
    await db.close();
  });

  it('recover the steps of a process that is gone, and not those of one that lives', async () => {
    const lives = await engine.worker(60);
    const dies = await engine.worker(1);
    await Promise.all([engine.submitOne(id), engine.submitOne(id)]);
    const [held] = await lives.claim(1);
    const [lost] = await dies.claim(1);
    expect(held?.stepId).not.toBe(lost?.stepId);
    await scheduler().start();
    await waitFor(
      async () =>
        (await engine.test.query(`SELECT 1 FROM tasker.tasker_workflow_step_transitions WHERE cause = 'lease_expired'`))
          .length > 0,
      { timeoutMs: 10_000, what: 'the dead process’s step to be recovered' },
    );
    expect((await dies.complete([lost as never])).lost).toEqual([lost?.stepId]);
    expect((await lives.complete([held as never])).lost).toEqual([]);
  });
});
