import type { Client } from '../client/client.ts';
import { configuredClient } from '../client/configured-client.ts';
import type { Config } from '../config/config.ts';
import type { Logger } from '../logger.ts';
import type { EarlyThread } from '../membership/early-thread.ts';
import { openHeartbeatHost } from '../membership/open-heartbeat-host.ts';
import type { Program } from '../membership/program.ts';
import { Endpoint } from '../process/endpoint.ts';
import type { Drained, RunningService } from '../process/service.ts';
import { type SchedulerProcess, startSchedulerIn } from '../scheduler/start-scheduler.ts';
import { startWorkerWith, type WorkerProcess } from '../worker/start-worker.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';

export interface PartsOptions {
  workflows: readonly WorkflowDefinition[];
  config: { worker: Config; scheduler: Config };
  withScheduler: boolean;
  /** Schedules are written right after the start. */
  applySchedules: boolean;
  /** The logger of a part. */
  logOf: (role: string) => Logger;
  /** The heartbeat thread. Default: the start starts it. */
  early?: EarlyThread | undefined;
  /** Resolves when the database has the schema of this version. Called once. */
  prepareSchema: (client: Client) => Promise<void>;
}

/** The worker, the scheduler and the client of one program: started side by side, stopped one after the other. */
export class Parts {
  readonly client: Client;
  private readonly options: PartsOptions;
  private readonly program: Program;
  private schema: Promise<void> | undefined;
  private starting: [Promise<WorkerProcess>, Promise<SchedulerProcess> | undefined] | undefined;
  private stopping: Promise<Drained> | undefined;

  /** The client connects at its first call. */
  constructor(options: PartsOptions) {
    const { config, withScheduler, prepareSchema } = options;
    this.options = options;
    this.client = configuredClient(config.worker, {
      poolSize: config.worker.poolSize,
      applicationName: 'tasker client',
    });
    this.program = {
      endpoint: new Endpoint(),
      mayPrepareSchedulesLater: !options.applySchedules,
      heartbeats: openHeartbeatHost(config.worker, withScheduler ? 2 : 1, options.early),
      schemaReady: () => (this.schema ??= prepareSchema(this.client)),
    };
  }

  /**
   * Everything that does not need the tables begins at once: the heartbeat thread, the port, a session for each part. Rejects with the
   * error of the part that does not start; the other one runs until `stop`.
   */
  start(): Promise<[WorkerProcess, SchedulerProcess | undefined]> {
    const { workflows, config, withScheduler, logOf } = this.options;
    const { program } = this;
    // Whoever needs it gets the error, if there is one.
    program.heartbeats.start().catch(() => undefined);
    this.starting = [
      this.startWorker({ config: config.worker, workflows, log: logOf('worker') }),
      withScheduler ? startSchedulerIn(program, { config: config.scheduler, log: logOf('scheduler') }) : undefined,
    ];
    return Promise.all(this.starting);
  }

  /** Waits for the end of a start that is under way. Idempotent. */
  stop(): Promise<Drained> {
    this.stopping ??= this.doStop();
    return this.stopping;
  }

  /** Submits wake the worker, and ends of tasks have the client check: without them polls of the database find the same later. */
  private async startWorker(options: Parameters<typeof startWorkerWith>[0]): Promise<WorkerProcess> {
    let wake: (queues: readonly string[]) => void = () => undefined;
    const checkEnded = this.client.besideWorker((queues) => wake(queues));
    const { wake: wakeWorker, ...worker } = await startWorkerWith(options, {
      program: this.program,
      observer: { taskEnded: (_, taskIds) => checkEnded(taskIds) },
    });
    wake = wakeWorker;
    return worker;
  }

  private async doStop(): Promise<Drained> {
    const [worker, scheduler] = await Promise.allSettled(this.starting ?? []);
    const unfinished: string[] = [];
    try {
      // While handlers end, the scheduler still does what the fleet needs.
      unfinished.push(...(await stopped(worker)));
    } finally {
      try {
        unfinished.push(...(await stopped(scheduler)));
      } finally {
        await this.program.heartbeats.stop();
        // A migration that was begun comes to its end.
        await this.schema?.catch(() => undefined);
        await this.client.close();
      }
    }
    return { unfinished };
  }
}

async function stopped(
  start: PromiseSettledResult<RunningService | undefined> | undefined,
): Promise<readonly string[]> {
  if (start?.status !== 'fulfilled' || start.value === undefined) return [];
  const { unfinished } = await start.value.stop();
  return unfinished;
}
