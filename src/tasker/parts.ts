import type { Client } from '../client/client.ts';
import { configuredClient } from '../client/configured-client.ts';
import type { Config } from '../config/config.ts';
import type { Logger } from '../logger.ts';
import { Endpoint } from '../process/endpoint.ts';
import type { Drained, RunningService } from '../process/service.ts';
import { type SchedulerProcess, startSchedulerAt } from '../scheduler/start-scheduler.ts';
import { startWorkerWith, type WorkerProcess } from '../worker/start-worker.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';

export interface PartsOptions {
  workflows: readonly WorkflowDefinition[];
  config: { worker: Config; scheduler: Config };
  withScheduler: boolean;
  /** The logger of a part. */
  logOf: (role: string) => Logger;
}

/** The worker, the scheduler and the client of one program: started side by side, stopped one after the other. */
export class Parts {
  readonly client: Client;
  private readonly options: PartsOptions;
  private starting: [Promise<WorkerProcess>, Promise<SchedulerProcess> | undefined] | undefined;
  private stopping: Promise<Drained> | undefined;

  /** The client connects at its first call. */
  constructor(options: PartsOptions) {
    const { poolSize } = options.config.worker;
    this.options = options;
    this.client = configuredClient(options.config.worker, { poolSize, applicationName: 'tasker client' });
  }

  /** Rejects with the error of the part that does not start; the other one runs until `stop`. */
  start(): Promise<[WorkerProcess, SchedulerProcess | undefined]> {
    const { workflows, config, withScheduler, logOf } = this.options;
    const endpoint = new Endpoint();
    this.starting = [
      startWorkerWith({ config: config.worker, workflows, log: logOf('worker') }, { endpoint }),
      withScheduler ? startSchedulerAt(endpoint, { config: config.scheduler, log: logOf('scheduler') }) : undefined,
    ];
    return Promise.all(this.starting);
  }

  /** Waits for the end of a start that is under way. Idempotent. */
  stop(): Promise<Drained> {
    this.stopping ??= this.doStop();
    return this.stopping;
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
