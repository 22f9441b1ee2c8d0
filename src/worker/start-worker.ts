import inspector from 'node:inspector';
import type { Config } from '../config/catalogue.ts';
import { requireSchema } from '../db/schema-check.ts';
import { handlerLogger, type Logger } from '../logger.ts';
import { CLOSE_LIMIT_MS, prepareProcess } from '../process/host.ts';
import type { Drained } from '../process/service.ts';
import { withTimeout } from '../process/with-timeout.ts';
import { quarantineOf } from '../engine/quarantine.ts';
import { NO_SCHEDULER } from '../reads/schedulers.ts';
import { VERSION } from '../version.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';
import type { CrashOrigin } from './events.ts';
import type { QuarantineProcess } from './quarantine-watch.ts';
import { SchedulerWatch } from './scheduler-watch.ts';
import { workerEvents } from './worker-events.ts';
import { Worker } from './worker.ts';

export interface WorkerProcess {
  readonly workerId: string;
  /** Where /metrics, /livez and /readyz are served. */
  readonly url: string;
  /** Drains and closes everything; ends some seconds after the grace period at the latest. Idempotent. */
  stop(): Promise<Drained>;
  /** Cuts a drain short: what still runs is aborted and given back. */
  hurry(): void;
  /**
   * Call it from a handler of uncaughtException or unhandledRejection: true where the error is of a step's code. If that step
   * still runs, its attempt fails with the error; a line of the log names it in any case.
   */
  crash(error: unknown, origin?: CrashOrigin): boolean;
  /** Resolves when a process for quarantined steps has had nothing to do for a while, or lost its parent; never in another. */
  readonly idle: Promise<void>;
  /** Resolves when the process should end: the database has refused its login for longer than its lease. */
  readonly refused: Promise<Error>;
}

/** A process that was started for quarantined steps ends when there were none for so long. */
const QUARANTINE_IDLE_MS = 5000;

/** A poll round waits for one claim at most; the longest pause and one statement limit on top say when it is dead. */
const pollerMaxAgeMs = (config: Config): number =>
  Math.max(config.maxPollIntervalMs, config.hintedPollIntervalMs) + config.queryTimeoutMs + 10_000;

/** Starts a worker with its metrics and probes. Rejects where the database cannot be reached or a workflow is refused. */
export async function startWorker(options: {
  config: Config;
  workflows: readonly WorkflowDefinition[];
  log: Logger;
  /**
   * Steps that two processes died under wait in a quarantine beside their queue. 'here' (the default): this worker runs them
   * beside its others, one at a time. 'only': this process runs nothing else, one after the other. A function starts such a
   * process.
   */
  quarantine?: 'here' | 'only' | (() => QuarantineProcess);
}): Promise<WorkerProcess> {
  const { config, workflows, log, quarantine = 'here' } = options;
  const alone = quarantine === 'only';
  const host = prepareProcess('worker', config, log, (): number => worker.leaseAgeSeconds());
  const { db, metrics, progress } = host;
  const worker = new Worker({
    db,
    url: config.databaseUrl,
    directUrl: config.databaseUrlDirect,
    databasePasswordFile: config.databasePasswordFile,
    workflows,
    queues: alone ? config.queues.map(quarantineOf) : config.queues,
    slots: alone ? 1 : config.slots,
    startQuarantine: typeof quarantine === 'function' ? quarantine : undefined,
    watchesQuarantine: !alone,
    endsWhenStalled: !isDebugged(),
    name: host.name,
    version: VERSION,
    notify: config.notify,
    minPollIntervalMs: config.pollIntervalMs,
    maxPollIntervalMs: config.maxPollIntervalMs,
    hintedPollIntervalMs: config.hintedPollIntervalMs,
    maxClaim: config.claimBatch,
    fusedClaims: config.fusedClaims && !alone,
    leaseSeconds: config.leaseSeconds,
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    maxStallMs: config.maxStallMs,
    drainGraceSeconds: config.drainGraceSeconds,
    abortGraceMs: config.abortGraceMs,
    defaultStepTimeoutSeconds: config.stepTimeoutSeconds,
    maxResultBytes: config.maxResultBytes,
    maxBackoffRequestSeconds: config.maxBackoffRequestSeconds,
    backoffCapSeconds: config.backoffCapSeconds,
    backoffDisabled: config.retryBackoffDisabled,
    resultCacheBytes: config.resultCacheBytes,
    events: workerEvents(metrics, log, host.survived, () => worker.workerIdOrNone),
    loggerFor: (fields) => handlerLogger(log, fields),
    onRound: () => progress.beat('poll'),
  });
  let stopping: Promise<Drained> | undefined;
  const schedulers = new SchedulerWatch(db, (anyLives) => {
    if (anyLives) log.info('a scheduler lives again');
    else log.warn(NO_SCHEDULER);
  });
  const close = async (): Promise<Drained> => {
    schedulers.stop();
    progress.unwatch('poll');
    const drained = await worker.stop();
    await server?.stop();
    await withTimeout(db.close(), CLOSE_LIMIT_MS);
    return drained;
  };
  const stop = (): Promise<Drained> => (stopping ??= close());

  let started = false;
  let server: Awaited<ReturnType<typeof host.serve>> | undefined;
  try {
    await requireSchema(db);
    host.warnOfPooler();
    server = await host.serve({
      started: () => started,
      ready: () => (worker.isDraining ? { ok: false, reasons: ['the worker is draining'] } : { ok: true, reasons: [] }),
      refresh: async () => {
        metrics.set('slots', {}, config.slots);
        metrics.set('busySlots', {}, worker.busySlots);
        metrics.set('draining', {}, worker.isDraining ? 1 : 0);
        metrics.set('leaseAge', {}, worker.leaseAgeSeconds());
      },
    });
    await worker.start();
    progress.watch('poll', pollerMaxAgeMs(config));
    started = true;
  } catch (error) {
    await stop();
    throw error;
  }
  // From now on: a start that takes longer is no time without work, or each such process would end with its first step.
  const idle = alone ? idleFor(QUARANTINE_IDLE_MS, () => worker.busySlots > 0) : new Promise<void>(() => undefined);
  const { workerId } = worker;
  if (!alone) schedulers.start();
  const { queues, slots } = config;
  log.info(
    { worker_id: workerId, installation: worker.installationId, url: server.url, queues, slots },
    'worker started',
  );
  return {
    workerId,
    url: server.url,
    stop,
    hurry: () => worker.hurry(),
    crash: (error, origin) => worker.crash(error, origin),
    idle,
    refused: host.refused,
  };
}

/** A breakpoint stops the event loop as well, and is no reason to kill the process. */
function isDebugged(): boolean {
  if (inspector.url() !== undefined) return true;
  return [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].some((option) => option.includes('--inspect'));
}

/** Resolves after so long without work, or when the worker that started this process is gone. */
async function idleFor(ms: number, busy: () => boolean): Promise<void> {
  const startedBy = process.ppid;
  const stepMs = 250;
  for (let idleMs = 0; idleMs < ms && process.ppid === startedBy; idleMs = busy() ? 0 : idleMs + stepMs) {
    await new Promise((resolve) => setTimeout(resolve, stepMs).unref());
  }
}
