import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { Database } from '../../src/db/database.ts';
import { ClaimWatch } from '../../src/worker/claim-watch.ts';
import { OpenClaims } from '../../src/worker/open-claims.ts';
import { type QuarantineProcess, QuarantineWatch } from '../../src/worker/quarantine-watch.ts';
import { RunningSteps } from '../../src/worker/running-steps.ts';
import { defineWorkflow } from '../../src/workflow/index.ts';
import { waitFor } from '../support/wait-for.ts';
import { useWorkers, watched } from './worker-fixture.ts';

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
      namedTaskIds: [1],
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

  it('claims that nobody here knows of are looked for every ten seconds; every two while steps run, or after a failure', async () => {
    const { counter, db } = counting(() => []);
    const claims = new OpenClaims();
    const watch = new ClaimWatch({
      db,
      claims,
      running: new RunningSteps(1000, () => undefined),
      workerId: () => '1',
      onFound: () => undefined,
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
    watch.stop();
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
