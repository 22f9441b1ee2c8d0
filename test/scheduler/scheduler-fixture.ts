import type { SchedulerEvents, SchedulerSettings } from '../../src/scheduler/scheduler.ts';

/** Ignores all events; a test replaces those that it needs. */
export const noSchedulerEvents: SchedulerEvents = {
  swept: () => undefined,
  failed: () => undefined,
  retriesEnqueued: () => undefined,
  promoted: () => undefined,
  clockSetBack: () => undefined,
  recovered: () => undefined,
  finalized: () => undefined,
  operated: () => undefined,
  cronFired: () => undefined,
  leaseLost: () => undefined,
  joined: () => undefined,
};

/** Short intervals, so that a test sees each chore within a second. */
export function schedulerSettings(url: string): SchedulerSettings {
  return {
    databaseUrl: url,
    databaseUrlDirect: url,
    databasePasswordFile: undefined,
    leaseSeconds: 5,
    heartbeatIntervalMs: 500,
    maxStallMs: 5000,
    drainGraceSeconds: 12,
    retrySweepMs: 50,
    priorityAgeingSeconds: 0,
    recoverySweepMs: 50,
    finalizeSweepMs: 100,
    silentSeconds: 1,
    pruneWorkersHours: 24,
    cronSchema: 'tasker_cron',
    analyzeCron: '0 0 1 1 *',
  };
}
