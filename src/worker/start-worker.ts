import inspector from 'node:inspector';
import type { Config } from '../config/config.ts';
import { handlerLogger, safeLogger } from '../logger/safe-logger.ts';
import type { Logger, OwnLogger } from '../logger.ts';
import type { Program } from '../membership/program.ts';
import { runService } from '../process/run-service.ts';
import type { RunningService } from '../process/service.ts';
import { quarantineOf } from '../engine/quarantine.ts';
import { NO_SCHEDULER } from '../reads/schedulers.ts';
import { VERSION } from '../version.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';
import type { CrashOrigin, WorkerEvents } from './telemetry/events.ts';
import { idleFor } from './quarantine/idle-for.ts';
import { blameStep } from './running/blame-step.ts';
import type { QuarantineProcess, WorkerSettings } from './scope/worker-options.ts';
import { SchedulerWatch } from './joining/scheduler-watch.ts';
import { recordEvents } from './telemetry/record-events.ts';
import { Worker } from './worker.ts';

/** A worker that runs in this process. */
export interface WorkerProcess extends RunningService {
  /** Its row in `client.workers()`. */
  readonly workerId: string;
  /** Cuts a drain short: what still runs is aborted and given back. */
  hurry(): void;
  /**
   * Call it from a handler of uncaughtException or unhandledRejection: true if the error is of a step's code. If that step
   * still runs, its attempt fails with the error; a log line names it in any case.
   */
  crash(error: unknown, origin?: CrashOrigin): boolean;
  /** Resolves when a process for quarantined steps has had nothing to do for a while, or lost its parent; never in another. */
  readonly idle: Promise<void>;
}

/** A process that was started for quarantined steps ends after this time without any. */
const QUARANTINE_IDLE_MS = 5000;

/** A claim round waits for one claim at most: after the longest pause, one statement time-out and 10 s its loop counts as dead. */
const claimLoopMaxAgeMs = (config: Config): number =>
  Math.max(config.maxPollIntervalMs, config.hintedPollIntervalMs) + config.queryTimeoutMs + 10_000;

/** What a worker is started with. */
export interface WorkerProcessOptions {
  config: Config;
  workflows: readonly WorkflowDefinition[];
  /** What `createLogger` returns, or a logger of the program's own, such as its pino. */
  log: Logger | OwnLogger;
  /**
   * Steps whose process crashed twice wait in a quarantine beside their queue. 'here' (the default): this worker runs them
   * beside its others, one at a time. 'only': this process runs nothing else, one after the other. A function starts such a
   * process.
   */
  quarantine?: 'here' | 'only' | (() => QuarantineProcess);
}

/** Starts a worker with its metrics and probes. Rejects if the database cannot be reached or no workflow can be served. */
export async function startWorker(options: WorkerProcessOptions): Promise<WorkerProcess> {
  return startWorkerWith(options, {});
}

/** Receives each step, or each task, that ended, and each workflow that is served. */
export type StepObserver = Partial<Pick<WorkerEvents, 'finished' | 'taskEnded' | 'workflowServed'>>;

/**
 * @internal As startWorker, for the rooms above: with an observer beside metrics and log (`tasker dev` shows each step), and with what it
 * shares with another role of its program.
 */
export async function startWorkerWith(
  options: WorkerProcessOptions,
  { observer, program }: { observer?: StepObserver; program?: Program },
): Promise<WorkerProcess & Pick<Worker, 'wake'>> {
  const { config, workflows, quarantine = 'here' } = options;
  const log = safeLogger(options.log);
  const alone = quarantine === 'only';
  const { running, service } = await runService({
    role: 'worker',
    config,
    log,
    program,
    make: ({ db, metrics, progress, name, survived }) => {
      const recorded = recordEvents(metrics, log, survived, () => worker.lease.current ?? '');
      const events = observer === undefined ? recorded : alsoTo(observer, recorded);
      const worker = new Worker({
        db,
        settings: alone ? onlyQuarantines(config) : config,
        workflows,
        name,
        version: VERSION,
        startQuarantine: typeof quarantine === 'function' ? quarantine : undefined,
        watchesQuarantine: !alone,
        killWhenStalled: !isDebugged(),
        heartbeats: program?.heartbeats,
        listensLater: program !== undefined,
        events,
        loggerFor: (fields) => handlerLogger(log, fields),
        onRound: () => progress.beat('poll'),
      });
      const schedulers = new SchedulerWatch(db, (anyLives) => {
        if (anyLives) log.info('a scheduler lives again');
        else log.warn(NO_SCHEDULER);
      });
      if (!alone) {
        logSchedules(log, workflows);
        logQueues(log, config.queues, workflows);
      }
      return {
        worker,
        events,
        loops: [{ name: 'poll', maxAgeMs: claimLoopMaxAgeMs(config) }],
        async start() {
          await worker.start();
          if (!alone) schedulers.start();
        },
        stop() {
          void schedulers.stop();
          return worker.stop();
        },
        leaseAgeSeconds: () => worker.leaseAgeSeconds(),
        refresh() {
          metrics.set('slots', {}, config.slots);
          metrics.set('busySlots', {}, worker.busySlots);
        },
        describe: () => ({
          worker_id: worker.lease.last,
          installation: worker.installationId,
          queues: config.queues,
          slots: config.slots,
        }),
      };
    },
  });
  const { worker, events } = service;
  // From now on: a start that takes longer is no time without work, or each such process would end with its first step.
  const idle = alone ? idleFor(QUARANTINE_IDLE_MS, () => worker.busySlots > 0) : new Promise<void>(() => undefined);
  return {
    ...running,
    workerId: worker.lease.last,
    hurry: () => worker.abortDrain(),
    wake: (queues) => worker.wake(queues),
    crash: (error, origin) => blameStep(events, error, origin),
    idle,
  };
}

/** Whoever wrote a schedule in code and applied it nowhere would wait for its first task in vain. */
function logSchedules(log: Logger, workflows: readonly WorkflowDefinition[]): void {
  const schedules = workflows.flatMap((workflow) => workflow.schedules.map(({ key }) => key));
  if (schedules.length === 0) return;
  log.info(
    { schedules: [...new Set(schedules)] },
    'workflows of this worker have schedules in code: a deployment applies them, with tasker schedule apply or client.applySchedules',
  );
}

/** A step in a queue that nobody serves waits without an error. */
function logQueues(log: Logger, served: readonly string[], workflows: readonly WorkflowDefinition[]): void {
  const queues = new Set(workflows.flatMap(({ steps }) => steps.map(({ queue }) => queue)));
  const left = [...queues].filter((queue) => !served.includes(queue));
  if (left.length === 0) return;
  const fields = { serves: served, leaves: left };
  if (left.length === queues.size)
    log.warn(fields, 'this worker serves no queue in which its workflows have steps: set TASKER_QUEUES (--queues)');
  else
    log.info(
      fields,
      'workflows of this worker have steps in queues that it leaves to others (TASKER_QUEUES, --queues)',
    );
}

function alsoTo(observer: StepObserver, events: WorkerEvents): WorkerEvents {
  const { finished, taskEnded, workflowServed } = observer;
  const also: Partial<WorkerEvents> = {};
  if (finished !== undefined) {
    also.finished = (...info) => {
      events.finished(...info);
      finished(...info);
    };
  }
  if (taskEnded !== undefined) {
    also.taskEnded = (...info) => {
      events.taskEnded(...info);
      taskEnded(...info);
    };
  }
  if (workflowServed !== undefined) {
    also.workflowServed = (...info) => {
      events.workflowServed(...info);
      workflowServed(...info);
    };
  }
  return { ...events, ...also };
}

/** A process for quarantined steps claims nothing else, and one step at a time. */
function onlyQuarantines(config: Config): WorkerSettings {
  return { ...config, queues: config.queues.map(quarantineOf), slots: 1, fusedClaims: false };
}

/** A breakpoint stops the event loop as well, and is no reason to kill the process. */
function isDebugged(): boolean {
  if (inspector.url() !== undefined) return true;
  return [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].some((option) => option.includes('--inspect'));
}
