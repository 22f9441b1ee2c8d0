import { afterEach, beforeEach, describe, vi } from 'vitest';
import type { Database } from '../../src/db/connections/database.ts';
import { ClaimReconciler } from '../../src/worker/claiming/claim-reconciler.ts';
import { Claimer } from '../../src/worker/claiming/claimer.ts';
import { SchedulerWatch } from '../../src/worker/joining/scheduler-watch.ts';
import { WorkflowReport } from '../../src/worker/joining/workflow-report.ts';
import { QuarantineWatch } from '../../src/worker/quarantine/quarantine-watch.ts';
import { RunningAttempts } from '../../src/worker/running/running-attempts.ts';
import { Activity } from '../../src/worker/telemetry/activity.ts';
import { type ContractClock, type ContractSubject, serviceContract } from '../process/service-contract.ts';
import { noEvents } from './no-events.ts';
import { scopeOf } from './scope-fixture.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Their intervals are seconds; the clock is a virtual one. */
const clock: ContractClock = { quietMs: 120_000, pass: (ms) => vi.advanceTimersByTimeAsync(ms) };

/** A database that finds nothing and takes half a second for it, and how many statements it has begun and ended. */
function slowDatabase(): { db: Database; activity: () => number } {
  let activity = 0;
  const run = async (): Promise<object[]> => {
    activity += 1;
    await new Promise((resolve) => setTimeout(resolve, 500));
    activity += 1;
    return [];
  };
  return { db: { run, plans: 'pinned' } as unknown as Database, activity: () => activity };
}

/** Stops a service while the virtual clock goes on, for what it waits for. */
function subject(service: { start(): unknown; stop(): unknown }, activity: () => number): ContractSubject {
  const stop = async (): Promise<void> => {
    let stopped = false;
    const stopping = (async () => service.stop())().finally(() => (stopped = true));
    while (!stopped) await vi.advanceTimersByTimeAsync(100);
    await stopping;
  };
  return { service: { start: () => service.start(), stop }, activity };
}

describe('the watch of schedulers', () => {
  serviceContract(() => {
    const { db, activity } = slowDatabase();
    return subject(new SchedulerWatch(db, () => undefined), activity);
  }, clock);
});

describe('the report of workflows', () => {
  serviceContract(() => {
    let rounds = 0;
    const registration = { retryRefused: async () => void (rounds += 1), version: 0, status: () => [] };
    const report = new WorkflowReport(scopeOf(slowDatabase()), registration as never);
    return subject(report, () => rounds);
  }, clock);
});

describe('the report of activity', () => {
  serviceContract(() => {
    let rounds = 0;
    const lease = {
      get current() {
        rounds += 1;
        return undefined;
      },
    };
    const { db } = slowDatabase();
    const activity = new Activity({ db, lease, settings: { queues: [] }, events: noEvents });
    // Each stop reports once more.
    return subject(activity, () => rounds);
  }, clock);
});

describe('the running attempts', () => {
  serviceContract(() => {
    let sweeps = 0;
    const running = new RunningAttempts(0);
    const now = performance.now();
    running.add({
      step: { stepId: '1', taskId: '1', claimId: '' } as never,
      index: 0,
      controller: undefined,
      startedAt: now,
      deadlineAt: now,
      giveUp: () => (sweeps += 1),
      crash: () => undefined,
      abortedBy: undefined,
      giveUpAt: 0,
    });
    return subject(running, () => sweeps);
  }, clock);
});

describe('the claim reconciler', () => {
  serviceContract(() => {
    const { db, activity } = slowDatabase();
    const reconciler = new ClaimReconciler(scopeOf({ db }), new RunningAttempts(0), { run: () => undefined });
    return subject(reconciler, activity);
  }, clock);
});

describe('the quarantine watch', () => {
  serviceContract(() => {
    const { db, activity } = slowDatabase();
    return subject(new QuarantineWatch(scopeOf({ db }), { run: async () => undefined }), activity);
  }, clock);
});

describe('the claimer', () => {
  serviceContract(() => {
    let rounds = 0;
    const { db } = slowDatabase();
    const claimer = new Claimer(scopeOf({ db }), {
      intake: { accept: () => undefined },
      completer: { backlog: 0 },
      idleCheck: { anyReady: async () => false },
      onRound: () => (rounds += 1),
    });
    return subject(claimer, () => rounds);
  }, clock);
});
