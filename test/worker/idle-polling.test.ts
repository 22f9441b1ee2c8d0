import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { Database } from '../../src/db/connections/database.ts';
import { claim } from '../../src/engine/claim.ts';
import { registerWorkflow } from '../../src/engine/register-workflow.ts';
import { register } from '../../src/engine/workers.ts';
import { ClaimReconciler } from '../../src/worker/claiming/claim-reconciler.ts';
import { ClaimLedger } from '../../src/worker/scope/claim-ledger.ts';
import { type QuarantineProcess, QuarantineWatch } from '../../src/worker/quarantine/quarantine-watch.ts';
import { restLook } from '../../src/worker/claiming/idle-check.ts';
import { RunningAttempts } from '../../src/worker/running/running-attempts.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { waitFor } from '../support/wait-for.ts';
import { noEvents, useWorkers, watched } from './worker-fixture.ts';

/** A database that gives every statement the same answer and counts them. */
function counting(answer: () => object[]) {
  const counter = { statements: 0 };
  const run = async (): Promise<object[]> => {
    counter.statements += 1;
    return answer();
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

  function quarantine(options: { start?: () => QuarantineProcess } = {}) {
    const state = { hinted: true, rows: [] as object[] };
    const { counter, db } = counting(() => state.rows);
    const watch = new QuarantineWatch({
      db,
      queues: ['default'],
      namedTaskIds: () => [1],
      intervalMs: 1000,
      restIntervalMs: 10_000,
      hinted: () => state.hinted,
      start: options.start,
      runHere: async () => undefined,
      onError: () => undefined,
    });
    return { state, counter, watch };
  }

  it('a worker looks into the quarantine every second where no hints arrive, and rests where they do', async () => {
    const { state, counter, watch } = quarantine();
    state.hinted = false;
    watch.start();
    // A pause lasts from a half to one and a half of its interval.
    expect(await statementsIn(counter, 60_000)).toBeGreaterThanOrEqual(40);
    state.hinted = true;
    expect(await statementsIn(counter, 60_000)).toBeLessThanOrEqual(14);
    await watch.stop();
  });

  it('a hint ends the rest, and steps that are found do so until they are gone', async () => {
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

  it('a worker that has started a process for the quarantine does not look until that has ended', async () => {
    const ended = Promise.withResolvers<void>();
    const { state, counter, watch } = quarantine({
      start: () => ({ exited: ended.promise, stop: async () => undefined }),
    });
    state.rows = [{ queue: 'default~quarantine', waiting: 5, serving: 0, workers: 1 }];
    watch.start();
    await statementsIn(counter, 1500);
    expect(await statementsIn(counter, 30_000)).toBe(0);
    state.rows = [];
    ended.resolve();
    expect(await statementsIn(counter, 1500)).toBeGreaterThanOrEqual(1);
    await watch.stop();
  });

  it('a look of somebody else takes the place of its own', async () => {
    const { counter, watch } = quarantine();
    watch.start();
    await statementsIn(counter, 5000);
    const before = counter.statements;
    for (let second = 0; second < 60; second += 3) {
      watch.rested();
      await vi.advanceTimersByTimeAsync(3000);
    }
    expect(counter.statements).toBe(before);
    // And those end.
    expect(await statementsIn(counter, 60_000)).toBeGreaterThanOrEqual(4);
    await watch.stop();
  });

  it('claims that nobody here knows of are looked for every ten seconds; every two while steps run, or after a failure', async () => {
    const { counter, db } = counting(() => []);
    const claims = new ClaimLedger();
    const watch = new ClaimReconciler({
      db,
      claims,
      running: new RunningAttempts(1000, () => undefined),
      workerId: () => '1',
      onFound: () => undefined,
      onRecovered: () => undefined,
      onError: () => undefined,
    });
    watch.start();
    expect(await statementsIn(counter, 60_000)).toBe(6);
    watch.suspect();
    expect(await statementsIn(counter, 60_000)).toBe(30);
    expect(await statementsIn(counter, 60_000)).toBe(6);
    claims.opened('claim', 1);
    expect(await statementsIn(counter, 60_000)).toBe(30);
    claims.ended('claim');
    expect(await statementsIn(counter, 60_000)).toBe(6);
    // Somebody else looks, in time.
    for (let second = 0; second < 60; second += 3) {
      if (watch.due) watch.looked();
      expect(await statementsIn(counter, 3000)).toBe(0);
    }
    watch.stop();
  });
});

describe('a worker at rest', async () => {
  const fleet = await useWorkers();
  const workflow = defineWorkflow({ name: 'resting', input: z.unknown() }).step('only', () => 'done');

  it('asks whether there is work instead of claiming, and finds what nobody told it of', async () => {
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
    await waitFor(() => seen.rounds >= 8, { what: 'the worker to rest' });
    const before = { claims, rounds: seen.rounds };
    await waitFor(() => seen.rounds >= before.rounds + 10, { what: 'ten more looks' });
    expect(claims).toBe(before.claims);
    const taskId = await fleet.submit(workflow);
    expect(await fleet.taskIn(taskId, ['complete', 'error'])).toBe('complete');
    expect(claims).toBeGreaterThan(before.claims);
  });

  it('asks in the same breath for steps in quarantine and for claims that it does not know of', async () => {
    const taskId = await fleet.submit(workflow);
    const namedTaskId = await registerWorkflow(fleet.db, workflow);
    const registration = { role: 'worker', name: 'test', version: '0', slots: 1, leaseSeconds: 60 } as const;
    const workerId = await register(fleet.db, { ...registration, queues: ['default'], sessionLock: null });
    const claims = new ClaimLedger();
    const heard: string[] = [];
    let due = false;
    const look = restLook({
      db: fleet.db,
      queues: ['default'],
      namedTaskIds: () => [namedTaskId],
      claims,
      workerId: () => workerId,
      claimWatch: {
        get due() {
          return due;
        },
        looked: () => heard.push('no strays'),
        adoptStrays: async () => void heard.push('strays'),
      },
      quarantine: () => ({ wake: () => heard.push('quarantine'), rested: () => heard.push('no quarantine') }),
    });
    const looked = async () => ({ ready: await look(), heard: heard.splice(0) });

    expect(await looked()).toEqual({ ready: true, heard: ['no quarantine'] });
    await fleet.test.query(`UPDATE tasker.tasker_workflow_steps SET queue = 'default~quarantine' WHERE task_id = $1`, [
      taskId,
    ]);
    due = true;
    expect(await looked()).toEqual({ ready: false, heard: ['quarantine', 'no strays'] });

    const claimed = { workerId, queue: 'default~quarantine', namedTaskIds: [namedTaskId], limit: 1 };
    const [step] = await claim(fleet.db, claimed);
    expect(await looked()).toEqual({ ready: false, heard: ['no quarantine', 'strays'] });
    claims.opened(step?.claimId as string, 1);
    expect(await looked()).toEqual({ ready: false, heard: ['no quarantine', 'no strays'] });
  });
});

describe('a worker that polls only now and then, because hints arrive', async () => {
  const fleet = await useWorkers();
  const workflow = defineWorkflow({ name: 'hinted', input: z.unknown() }).step('only', () => 'done');

  it.skipIf(fleet.test.directUrl === undefined)(
    'looks when the connection for them breaks and when it is back',
    async () => {
      const { seen, options } = watched();
      await fleet.start([workflow], {
        notify: true,
        hintedPollIntervalMs: 600_000,
        ...options,
      });
      // Pauses of seconds by then, and they double.
      await waitFor(() => seen.rounds >= 9, { what: 'the worker to rest' });
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
