import type { Config } from '../config/config.ts';
import { safeLogger } from '../logger/safe-logger.ts';
import type { Logger, OwnLogger } from '../logger.ts';
import type { Program } from '../membership/program.ts';
import type { Host } from '../process/host.ts';
import { type RoleService, runService } from '../process/run-service.ts';
import type { RunningService } from '../process/service.ts';
import { configuredSettings } from '../scaling/configured-settings.ts';
import { VERSION } from '../version.ts';
import type { Chore } from './chore.ts';
import { databaseIntervalMs, INTERVALS_MS } from './chore-intervals.ts';
import { lateChore } from './late-chore.ts';
import { checkMaintenance } from './maintenance-times.ts';
import { schedulerEvents } from './scheduler-events.ts';
import type { SchedulersArchive } from './schedulers-archive.ts';
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
  // A scheduler without an archive does without its code.
  const openArchive =
    config.archiveUrl === undefined ? undefined : (await import('./schedulers-archive.ts')).openSchedulersArchive;
  const { running, service } = await runService({
    role: 'scheduler',
    config,
    log,
    program,
    make: (host) => makeScheduler(host, config, log, { archive: openArchive?.(host, config, log), program }),
  });
  return { ...running, workerId: service.scheduler.lease.last };
}

function makeScheduler(
  host: Host,
  config: Config,
  log: Logger,
  { archive, program }: { archive: SchedulersArchive | undefined; program: Program | undefined },
): RoleService & { scheduler: Scheduler } {
  const { db, metrics, progress } = host;
  const measurements = [
    ...measurementsOf(host, config),
    lateChore('remove_due_tasks', INTERVALS_MS.remove_due_tasks, ({ removeDueTasks }) =>
      removeDueTasks({ db, metrics, log, keep: config.keep, ...(archive && { remover: archive.remover }) }),
    ),
    // Without a time to keep it there is nothing to look for.
    ...(config.auditKeep === 'forever' && config.auditKeepReads === 'forever'
      ? []
      : [
          lateChore('prune_audit', INTERVALS_MS.prune_audit, ({ pruneOldAudit }) =>
            pruneOldAudit({ db, metrics, log, settings: config }),
          ),
        ]),
    ...(archive === undefined ? [] : [archive.chore]),
  ];
  const scheduler = new Scheduler({
    db,
    joins: program?.joins,
    settings: config,
    name: host.name,
    version: VERSION,
    events: schedulerEvents(metrics, log, progress, host.survived),
    heartbeats: program?.heartbeats,
    mayPrepareSchedulesLater: program?.mayPrepareSchedulesLater,
    archive: archive?.address,
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
  const { statsIntervalMs } = config;
  return [
    lateChore('measure_queues', statsIntervalMs, ({ measureQueues }) => measureQueues(db, metrics, statsIntervalMs)),
    lateChore('measure_database', databaseIntervalMs(statsIntervalMs), ({ measureDatabase }) =>
      measureDatabase(db, metrics, statsIntervalMs),
    ),
    lateChore('count_runs', INTERVALS_MS.count_runs, ({ countRuns }) =>
      countRuns(db, metrics, { hoursKeptDays: config.statsHoursKeptDays, daysKeptDays: config.statsDaysKeptDays }),
    ),
    lateChore('keep_directory', INTERVALS_MS.keep_directory, ({ keepDirectory }) => keepDirectory(db, metrics)),
    lateChore('extend_history', INTERVALS_MS.extend_history, ({ extendHistoryAhead }) =>
      extendHistoryAhead({ db, onMissing: (error) => survived('extend_history', error) }),
    ),
    lateChore('merge_history', INTERVALS_MS.merge_history, ({ mergeOldHistory }) => mergeOldHistory({ db })),
    lateChore('check_rights', INTERVALS_MS.check_rights, ({ checkRights }) =>
      checkRights({ db, metrics, onMissing: (error) => survived('refresh_statistics', error) }),
    ),
    lateChore('evaluate_scaling', statsIntervalMs, ({ evaluateScaling }) =>
      evaluateScaling({
        db,
        metrics,
        intervalMs: statsIntervalMs,
        settings: configuredSettings(config),
        maxWorkers: config.scaleMaxWorkers,
        connections: {
          poolSize: config.poolSize,
          pooled: config.pooled,
          direct: config.databaseUrlDirect !== undefined,
          poolerConnections: config.poolerConnections,
          reservedForOthers: config.reservedConnections,
        },
      }),
    ),
  ];
}
