import type { Config } from '../config/config.ts';
import { type Logger, type OwnLogger, safeLogger } from '../logger.ts';
import type { Program } from '../membership/program.ts';
import type { Host } from '../process/host.ts';
import { type RoleService, runService } from '../process/run-service.ts';
import type { RunningService } from '../process/service.ts';
import { VERSION } from '../version.ts';
import { extendHistoryAhead } from './chores/extend-history.ts';
import { mergeOldHistory } from './chores/merge-history.ts';
import { checkRights } from './chores/check-rights.ts';
import { countRuns } from './chores/count-runs.ts';
import { evaluateScaling } from './chores/evaluate-scaling.ts';
import { keepDirectory } from './chores/keep-directory.ts';
import { measureDatabase, measureQueues } from './chores/measure.ts';
import { checkMaintenance } from './chores/maintain.ts';
import { removeDueTasks } from './chores/remove-due-tasks.ts';
import type { Chore } from './chore.ts';
import { openSchedulersArchive } from './schedulers-archive.ts';
import { schedulerEvents } from './scheduler-events.ts';
import { Scheduler } from './scheduler.ts';

/** A scheduler that runs in this process. */
export interface SchedulerProcess extends RunningService {
  /** Its row in `client.workers()`. */
  readonly workerId: string;
}

/** What a scheduler is started with. */
export interface SchedulerProcessOptions {
  config: Config;
  /** What `createLogger` returns, or a logger of the program's own, such as its pino. */
  log: Logger | OwnLogger;
}

/** Starts a scheduler with its metrics and probes. Rejects if the database cannot be reached. */
export async function startScheduler(options: SchedulerProcessOptions): Promise<SchedulerProcess> {
  return startSchedulerIn(undefined, options);
}

/** @internal As startScheduler, with what it shares with another role of its program, in which schedules may wait a moment. */
export async function startSchedulerIn(
  program: Program | undefined,
  options: SchedulerProcessOptions,
): Promise<SchedulerProcess> {
  const { config } = options;
  const log = safeLogger(options.log);
  const { running, service } = await runService({
    role: 'scheduler',
    config,
    log,
    program,
    make: (host) => makeScheduler(host, config, log, program),
  });
  return { ...running, workerId: service.scheduler.lease.last };
}

function makeScheduler(
  host: Host,
  config: Config,
  log: Logger,
  program: Program | undefined,
): RoleService & { scheduler: Scheduler } {
  const { db, metrics, progress } = host;
  const archive = openSchedulersArchive(host, config, log);
  const measurements = [
    ...measurementsOf(host, config),
    removeDueTasks({ db, metrics, log, keep: config.keep, ...(archive && { remover: archive.remover }) }),
    ...(archive === undefined ? [] : [archive.chore]),
  ];
  const scheduler = new Scheduler({
    db,
    settings: config,
    name: host.name,
    version: VERSION,
    events: schedulerEvents(metrics, log, progress, host.survived),
    heartbeats: program?.heartbeats,
    mayPrepareSchedulesLater: program?.mayPrepareSchedulesLater,
    measurements,
  });
  // A measurement that fails shows by its age. It is no reason to restart a process that retries and recovers.
  const measured = new Set(measurements.map(({ name }) => name));
  const standstillMs = config.queryTimeoutMs + 10_000;
  return {
    scheduler,
    loops: scheduler.chores.map(([name, intervalMs]) => ({
      name,
      maxAgeMs: measured.has(name) ? Number.POSITIVE_INFINITY : intervalMs + standstillMs,
    })),
    start: async () => {
      await checkMaintenance(config.analyzeCron);
      await scheduler.start();
    },
    stop: async () => {
      const drained = await scheduler.stop();
      await archive?.close();
      return drained;
    },
    leaseAgeSeconds: () => scheduler.leaseAgeSeconds(),
    refresh() {
      for (const { loop, seconds } of progress.ages()) metrics.set('sweepAge', { chore: loop }, seconds);
    },
    describe: () => ({ worker_id: scheduler.lease.last, installation: scheduler.installationId }),
  };
}

/** What a scheduler measures for its own metrics. */
function measurementsOf({ db, metrics, survived }: Host, config: Config): Chore[] {
  return [
    measureQueues(db, metrics, config.statsIntervalMs),
    measureDatabase(db, metrics, config.statsIntervalMs),
    countRuns(db, metrics, { hoursKeptDays: config.statsHoursKeptDays, daysKeptDays: config.statsDaysKeptDays }),
    keepDirectory(db, metrics),
    extendHistoryAhead({ db, onMissing: (error) => survived('extend_history', error) }),
    mergeOldHistory({ db }),
    checkRights({ db, metrics, onMissing: (error) => survived('refresh_statistics', error) }),
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
}
