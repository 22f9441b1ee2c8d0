import type { Client } from '../client/client.ts';
import { openHeartbeatHost } from '../membership/open-heartbeat-host.ts';
import type { Program } from '../membership/program.ts';
import { Endpoint } from '../process/endpoint.ts';
import { CLOSE_TIMEOUT_MS } from '../process/run-service.ts';
import type { Drained, RunningService } from '../process/service.ts';
import { withTimeout } from '../process/with-timeout.ts';
import { type SchedulerProcess, startSchedulerIn } from '../scheduler/start-scheduler.ts';
import { startWorkerWith, type WorkerProcess } from '../worker/start-worker.ts';
import type { Beginning } from './begin.ts';
import { warmUpSubmit, warmUpWait } from './warm-up.ts';

export interface PartsOptions extends Beginning {
  withScheduler: boolean;
  /** Schedules are written right after the start. */
  applySchedules: boolean;
}

const WAITS_LATER_MS = 2;

/** The worker, the scheduler and the client of one program: started side by side, stopped one after the other. */
export class Parts {
  readonly client: Client;
  private readonly options: PartsOptions;
  private readonly program: Program;
  private starting: [Promise<WorkerProcess>, Promise<SchedulerProcess> | undefined] | undefined;
  private stopping: Promise<Drained> | undefined;

  constructor(options: PartsOptions) {
    const { client, config, schema, withScheduler } = options;
    this.options = options;
    this.client = client;
    this.program = {
      endpoint: new Endpoint(),
      mayPrepareSchedulesLater: !options.applySchedules,
      heartbeats: openHeartbeatHost(config.worker, withScheduler ? 2 : 1, { startsLate: true }),
      joins: client.db,
      databases: options.databases,
      schemaReady: () => schema.ready,
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
    // For a moment in which the client has nothing to do; what fails here fails later as well, and is reported there.
    program
      .schemaReady()
      .then(() => warmUpSubmit(this.client.db))
      .catch(() => undefined);
    this.starting = [
      this.startWorker({ config: config.worker, workflows, log: logOf('worker') }),
      withScheduler ? startSchedulerIn(program, { config: config.scheduler, log: logOf('scheduler') }) : undefined,
    ];
    const started = Promise.all(this.starting);
    // Behind a submit that follows the start at once.
    started.then(
      () => setTimeout(() => void warmUpWait(this.client.db).catch(() => undefined), WAITS_LATER_MS).unref(),
      () => undefined,
    );
    return started;
  }

  /** Waits for the end of a start that is under way. Idempotent. */
  stop(): Promise<Drained> {
    this.stopping ??= this.doStop();
    return this.stopping;
  }

  /**
   * Submits wake the worker, and ends of tasks have the client check: without them polls of the database find the same later. What the worker has
   * registered the client need not look up.
   */
  private async startWorker(options: Parameters<typeof startWorkerWith>[0]): Promise<WorkerProcess> {
    let wake: (queues: readonly string[]) => void = () => undefined;
    const { ended, registered } = this.client.besideWorker((queues) => wake(queues));
    const { wake: wakeWorker, ...worker } = await startWorkerWith(options, {
      program: this.program,
      observer: {
        taskEnded: (_, taskIds) => ended(taskIds),
        workflowServed: (definition, _, id) => registered(definition, id),
      },
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
        await this.options.schema.finish();
        await this.client.close();
        // Of a part that was not even made.
        await withTimeout(this.options.databases.worker.db.close(), CLOSE_TIMEOUT_MS);
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
