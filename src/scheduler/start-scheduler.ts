import type { Config } from '../config/catalogue.ts';
import { requireSchema } from '../db/schema-check.ts';
import type { Logger } from '../logger.ts';
import { CLOSE_LIMIT_MS, prepareProcess } from '../process/host.ts';
import type { Drained } from '../process/service.ts';
import { withTimeout } from '../process/with-timeout.ts';
import { VERSION } from '../version.ts';
import { checkRights } from './chores/check-rights.ts';
import { evaluateScaling } from './chores/evaluate-scaling.ts';
import { measureDatabase, measureQueues } from './chores/measure.ts';
import { schedulerEvents } from './scheduler-events.ts';
import { Scheduler } from './scheduler.ts';

export interface SchedulerProcess {
  readonly workerId: string;
  /** Where /metrics, /livez and /readyz are served. */
  readonly url: string;
  /** Ends after some seconds at the latest. Idempotent. */
  stop(): Promise<Drained>;
  /** Resolves when the process should end: the database has refused its login for longer than its lease. */
  readonly refused: Promise<Error>;
}

/** Starts a scheduler with its metrics and probes. Rejects where the database cannot be reached. */
export async function startScheduler(options: { config: Config; log: Logger }): Promise<SchedulerProcess> {
  const { config, log } = options;
  const host = prepareProcess('scheduler', config, log, (): number => scheduler.leaseAgeSeconds());
  const { db, metrics, progress } = host;
  const events = schedulerEvents(metrics, log, progress, host.survived);
  const measurements = [
    measureQueues(db, metrics, config.statsIntervalMs),
    measureDatabase(db, metrics, config.statsIntervalMs),
    checkRights({ db, metrics, onMissing: (error) => host.survived('refresh_statistics', error) }),
    evaluateScaling({
      db,
      metrics,
      intervalMs: config.statsIntervalMs,
      settings: {
        startLatencySeconds: config.scaleStartLatencyMs / 1000,
        utilization: config.scaleUtilizationPercent / 100,
        assumedStepSeconds: config.scaleStepMs / 1000,
        assumedSlots: config.slots,
        workerStepsPerSecond: config.scaleWorkerStepsPerSecond,
        quietSeconds: config.scaleQuietSeconds,
      },
      maxWorkers: config.scaleMaxWorkers,
      connections: {
        poolSize: config.poolSize,
        pooled: config.pooled,
        direct: config.databaseUrlDirect !== undefined,
        poolerConnections: config.poolerConnections,
        reservedForOthers: config.reservedConnections,
      },
    }),
  ];
  const scheduler = new Scheduler({
    db,
    url: config.databaseUrl,
    directUrl: config.databaseUrlDirect,
    databasePasswordFile: config.databasePasswordFile,
    name: host.name,
    version: VERSION,
    leaseSeconds: config.leaseSeconds,
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    maxStallMs: config.maxStallMs,
    retrySweepMs: config.retrySweepMs,
    priorityAgeingSeconds: config.priorityAgeingSeconds,
    recoverySweepMs: config.recoverySweepMs,
    finalizeSweepMs: config.finalizeSweepMs,
    silentSeconds: config.silentSeconds,
    pruneWorkersHours: config.pruneWorkersHours,
    cronSchema: config.cronSchema,
    analyzeCron: config.analyzeCron,
    events,
    measurements,
  });
  const standstillMs = config.queryTimeoutMs + 10_000;
  // A measurement that fails shows by its age. It is no reason to restart a process that retries and recovers.
  const measured = new Set(measurements.map(({ name }) => name));
  const watchChores = (): void => {
    for (const [chore, intervalMs] of scheduler.chores) {
      progress.watch(chore, measured.has(chore) ? Number.POSITIVE_INFINITY : intervalMs + standstillMs);
    }
  };

  let started = false;
  let server: Awaited<ReturnType<typeof host.serve>> | undefined;
  let stopping: Promise<Drained> | undefined;
  let draining = false;
  const close = async (): Promise<Drained> => {
    draining = true;
    for (const [chore] of scheduler.chores) progress.unwatch(chore);
    const drained = await scheduler.stop();
    await server?.stop();
    await withTimeout(db.close(), CLOSE_LIMIT_MS);
    return drained;
  };
  const stop = (): Promise<Drained> => (stopping ??= close());
  try {
    await requireSchema(db);
    host.warnOfPooler();
    server = await host.serve({
      started: () => started,
      ready: () => (draining ? { ok: false, reasons: ['the scheduler is stopping'] } : { ok: true, reasons: [] }),
      refresh: async () => {
        metrics.set('draining', {}, draining ? 1 : 0);
        metrics.set('leaseAge', {}, scheduler.leaseAgeSeconds());
        for (const { loop, seconds } of progress.ages()) metrics.set('sweepAge', { chore: loop }, seconds);
      },
    });
    await scheduler.start();
    watchChores();
    started = true;
  } catch (error) {
    await stop();
    throw error;
  }
  const { workerId, installationId } = scheduler;
  log.info({ worker_id: workerId, installation: installationId, url: server.url }, 'scheduler started');
  return { workerId, url: server.url, stop, refused: host.refused };
}
