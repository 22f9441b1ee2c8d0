import type { Client } from '../client/client.ts';
import type { Logger } from '../logger.ts';
import type { Drained } from '../process/service.ts';
import type { SchedulerProcess } from '../scheduler/start-scheduler.ts';
import type { WorkerProcess } from '../worker/start-worker.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';
import type { Beginning } from './begin.ts';
import { Parts } from './parts.ts';
import type { TaskerOptions } from './tasker-options.ts';

/** A worker, a scheduler and a client that run in this program. */
export interface Tasker {
  readonly client: Client;
  readonly worker: WorkerProcess;
  /** Undefined with `scheduler: false`. */
  readonly scheduler: SchedulerProcess | undefined;
  /** Where /metrics, /livez and /readyz are served, for worker and scheduler together. */
  readonly url: string;
  /**
   * Drains the worker, then stops the scheduler, then closes the client. Idempotent. Resolves with what had not ended within
   * `TASKER_DRAIN_GRACE_SECONDS`.
   */
  stop(): Promise<Drained>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * @internal Starts the rest of a program that has begun: what `startTasker` of on-call.ts calls. Rejects with the error of the part that does not
 * start, after the others were stopped.
 */
export async function startTasker(options: TaskerOptions, beginning: Beginning): Promise<Tasker> {
  const { workflows, logOf } = beginning;
  const { scheduler: withScheduler = true, applySchedules = false, signal } = options;
  const parts = new Parts({ ...beginning, withScheduler, applySchedules });
  const onAbort = (): void => void parts.stop().catch(() => undefined);
  signal?.addEventListener('abort', onAbort, { once: true });
  const stop = (): Promise<Drained> => {
    signal?.removeEventListener('abort', onAbort);
    return parts.stop();
  };
  try {
    signal?.throwIfAborted();
    const [worker, scheduler] = await parts.start();
    signal?.throwIfAborted();
    if (applySchedules) await applySchedulesOf(workflows, parts.client, logOf('schedules'));
    signal?.throwIfAborted();
    const { client } = parts;
    const dispose = async (): Promise<void> => void (await stop());
    return { client, worker, scheduler, url: worker.url, stop, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await stop();
    // What failed because of the abort is no news.
    throw signal?.aborted === true ? signal.reason : error;
  }
}

async function applySchedulesOf(workflows: readonly WorkflowDefinition[], client: Client, log: Logger): Promise<void> {
  for (const { key, workflow, outcome } of await client.applySchedules(workflows, {
    reason: 'the program has started',
  })) {
    if (outcome === 'kept') {
      log.warn(
        { schedule: key, workflow },
        `schedule "${key}" is not that of the code: it was made or changed by hand, or is in the code of another workflow`,
      );
    } else if (outcome !== 'unchanged') log.info({ schedule: key, workflow, outcome }, 'schedule applied');
  }
}
