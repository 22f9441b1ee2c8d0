import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { Database } from '../../src/db/connections/database.ts';
import { claim } from '../../src/engine/claim.ts';
import { registerWorkflow } from '../../src/engine/register-workflow.ts';
import { register } from '../support/register-process.ts';
import { ClaimReconciler } from '../../src/worker/claiming/claim-reconciler.ts';
import { ClaimLedger } from '../../src/worker/scope/claim-ledger.ts';
import type { QuarantineProcess } from '../../src/worker/scope/worker-options.ts';
import { QuarantineWatch } from '../../src/worker/quarantine/quarantine-watch.ts';
import { IdleCheck } from '../../src/worker/claiming/idle-check.ts';
import { RunningAttempts } from '../../src/worker/running/running-attempts.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { waitFor } from '../support/wait-for.ts';
import { noEvents } from './no-events.ts';
import { registryOf, scopeOf } from './scope-fixture.ts';
import { useWorkers, watched } from './worker-fixture.ts';

/** A database that returns the same rows for every statement and counts the statements. */
function counting(rows: () => object[]) {
  const counter = { statements: 0 };
  const run = async (): Promise<object[]> => {
    counter.statements += 1;
    return rows();
  };
  return { counter, db: { run } as unknown as Database };
}

const statementsIn = async (counter: { statements: number }, ms: number): Promise<number> => {
  const before = counter.statements;
  await vi.advanceTimersByTimeAsync(ms);
  return counter.statements - before;
};

describe('with nothing to do', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function quarantine(startProcess?: () => QuarantineProcess) {
    const state = { rows: [] as object[] };
    const { counter, db } = counting(() => state.rows);
    const scope = scopeOf({ db });
    scope.state.notificationsLive = true;
    const watch = new QuarantineWatch(scope, { run: async () => undefined }, startProcess);
    return { state, worker: scope.state, counter, watch };
  }

  it('a worker polls the quarantine every second while no notifications arrive, and every ten while they do', async () => {
    const { worker, counter, watch } = quarantine();
    worker.notificationsLive = false;
    watch.start();
    // A pause lasts from a half to one and a half of its interval.
    expect(await statementsIn(counter, 60_000)).toBeGreaterThanOrEqual(40);
    worker.notificationsLive = true;
    expect(await statementsIn(counter, 60_000)).toBeLessThanOrEqual(14);
    await watch.stop();
  });

  it('a notification ends the long pauses, and steps that are found do so until they are gone', async () => {
    const { state, counter, watch } = quarantine();
    watch.start();
    await statementsIn(counter, 5000);
    state.rows = [{ queue: 'default~quarantine', waiting: 1, serving: 0, workers: 1 }];
    watch.wake();
    expect(await statementsIn(counter, 1500)).toBeGreaterThanOrEqual(1);
    expect(await statementsIn(counter, 30_000)).toBeGreaterThanOrEqual(20);
    state.rows = [];
    expect(await statementsIn(counter, 60_000)).toBeLessThanOrEqual(15);
    await watch.stop();
  });

  it('a worker that has started a process for the quarantine does not poll it until that has ended', async () => {
    const ended = Promise.withResolvers<void>();
    const { state, counter, watch } = quarantine(() => ({ exited: ended.promise, stop: async () => undefined }));
    state.rows = [{ queue: 'default~quarantine', waiting: 5, serving: 0, workers: 1 }];
    watch.start();
    await statementsIn(counter, 1500);
    expect(await statementsIn(counter, 30_000)).toBe(0);
    state.rows = [];
    ended.resolve();
    expect(await statementsIn(counter, 1500)).toBeGreaterThanOrEqual(1);
    await watch.stop();
  });

  it('an idle check takes the place of its own poll', async () => {
    const { counter, watch } = quarantine();
    watch.start();
    await statementsIn(counter, 5000);
    const before = counter.statements;
    for (let second = 0; second < 60; second += 3) {
      watch.polledElsewhere();
      await vi.advanceTimersByTimeAsync(3000);
    }
    expect(counter.statements).toBe(before);
    // And idle checks end.
    expect(await statementsIn(counter, 60_000)).toBeGreaterThanOrEqual(4);
    await watch.stop();
  });

  it('orphaned claims are searched for every ten seconds; every two while steps run, or after a failure', async () => {
    const { counter, db } = counting(() => []);
    const claims = new ClaimLedger();
    const scope = scopeOf({ db, claims });
    const reconciler = new ClaimReconciler(scope, new RunningAttempts(1000), { run: () => undefined });
    reconciler.start();
    expect(await statementsIn(counter, 60_000)).toBe(6);
    claims.expectOrphans();
    expect(await statementsIn(counter, 60_000)).toBe(30);
    expect(await statementsIn(counter, 60_000)).toBe(6);
    claims.opened('claim', 1);
    expect(await statementsIn(counter, 60_000)).toBe(30);
    claims.stepEnded('claim');
    expect(await statementsIn(counter, 60_000)).toBe(6);
    // Idle checks search in time.
    for (let second = 0; second < 60; second += 3) {
      if (reconciler.isDue) reconciler.polledElsewhere();
      expect(await statementsIn(counter, 3000)).toBe(0);
    }
    reconciler.stop();
  });
});

describe('an idle worker', async () => {
  const fleet = await useWorkers();
  const workflow = defineWorkflow({ name: 'resting', input: z.unknown() }).step('only', () => 'done');

  it('checks whether there is work instead of claiming, and finds what no notification announced', async () => {
    let claims = 0;
    const { seen, options } = watched();
    await fleet.start([workflow], {
      ...options,
      events: {
        ...noEvents,
        claimed: () => {
          claims += 1;
        },
      },
    });
    // From 10 to 50 ms and no longer.
    await waitFor(() => seen.rounds >= 8, { what: 'the worker to be idle' });
    const before = { claims, rounds: seen.rounds };
    await waitFor(() => seen.rounds >= before.rounds + 10, { what: 'ten more rounds' });
    expect(claims).toBe(before.claims);
    const taskId = await fleet.submit(workflow);
    expect(await fleet.taskIn(taskId, ['complete', 'error'])).toBe('complete');
    expect(claims).toBeGreaterThan(before.claims);
  });

  it('checks in the same statement for quarantined steps and for orphaned claims', async () => {
    const taskId = await fleet.submit(workflow);
    const namedTaskId = await registerWorkflow(fleet.db, workflow);
    const registration = { role: 'worker', name: 'test', version: '0', slots: 1, leaseSeconds: 60 } as const;
    const workerId = await register(fleet.db, { ...registration, queues: ['default'], sessionLock: null });
    const claims = new ClaimLedger();
    const found: string[] = [];
    let due = false;
    const idleCheck = new IdleCheck(
      scopeOf({
        db: fleet.db,
        claims,
        lease: { current: workerId, last: workerId },
        handlers: registryOf(namedTaskId),
      }),
      {
        get isDue() {
          return due;
        },
        polledElsewhere: () => found.push('no orphans'),
        adoptOrphans: async () => void found.push('orphans'),
      },
      { wake: () => found.push('quarantine'), polledElsewhere: () => found.push('no quarantine') },
    );
    const checked = async () => ({ ready: await idleCheck.anyReady(), found: found.splice(0) });

    expect(await checked()).toEqual({ ready: true, found: ['no quarantine'] });
    await fleet.test.query(`UPDATE tasker.tasker_workflow_steps SET queue = 'default~quarantine' WHERE task_id = $1`, [
      taskId,
    ]);
    due = true;
    expect(await checked()).toEqual({ ready: false, found: ['quarantine', 'no orphans'] });

    const claimed = { workerId, queue: 'default~quarantine', namedTaskIds: [namedTaskId], limit: 1 };
    const [step] = await claim(fleet.db, claimed);
    expect(await checked()).toEqual({ ready: false, found: ['no quarantine', 'orphans'] });
    claims.opened(step?.claimId as string, 1);
    expect(await checked()).toEqual({ ready: false, found: ['no quarantine', 'no orphans'] });
  });
});

describe('a worker that polls at long intervals, because notifications arrive', async () => {
  const fleet = await useWorkers();
  const workflow = defineWorkflow({ name: 'notified', input: z.unknown() }).step('only', () => 'done');

  it.skipIf(fleet.test.directUrl === undefined)(
    'polls when the connection for them breaks and when it is back',
    async () => {
      const { seen, options } = watched();
      await fleet.start([workflow], {
        notify: true,
        hintedPollIntervalMs: 600_000,
        ...options,
      });
      // Pauses of seconds by then, and they double.
      await waitFor(() => seen.rounds >= 9, { what: 'the worker to be idle' });
      const taskId = await fleet.submit(workflow);
      const rounds = seen.rounds;
      await fleet.test.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name = 'tasker listener' AND datname = current_database()`,
      );
      await waitFor(() => seen.failures > 0, { what: 'the worker to notice' });
      expect(await fleet.taskIn(taskId, ['complete', 'error'])).toBe('complete');
      expect(seen.rounds).toBeGreaterThan(rounds);
    },
  );
});
