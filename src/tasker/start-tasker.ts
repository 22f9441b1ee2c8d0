import type { Client } from '../client/client.ts';
import type { Config } from '../config/config.ts';
import { directUrl } from '../config/direct-url.ts';
import { passwordOf } from '../db/connections/password.ts';
import { migrateToLatest } from '../db/migrate.ts';
import { requireSchema } from '../db/schema-check.ts';
import { taskerErrorCode } from '../errors.ts';
import { createLogger, type Logger } from '../logger.ts';
import type { EarlyThread } from '../membership/early-thread.ts';
import type { Drained } from '../process/service.ts';
import type { SchedulerProcess } from '../scheduler/start-scheduler.ts';
import { prepareSchedules } from '../schedules/prepare-schedules.ts';
import type { WorkerProcess } from '../worker/start-worker.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';
import { Parts } from './parts.ts';
import { taskerConfig } from './tasker-config.ts';
import { checkTaskerOptions, type TaskerOptions } from './tasker-options.ts';

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
 * Starts all that a program needs to run its own workflows: a worker, a scheduler and a client. Rejects with the error of the part that
 * does not start, after the others were stopped. Signals are the program's own: `process.once('SIGTERM', () => tasker.stop())`.
 */
export async function startTasker(options: TaskerOptions, early?: EarlyThread): Promise<Tasker> {
  const workflows = checkTaskerOptions(options);
  const config = taskerConfig(options, workflows);
  const { migrate = false, scheduler: withScheduler = true, applySchedules = false, signal } = options;
  const logOf = loggers(options, config.worker);
  signal?.throwIfAborted();

  const parts = new Parts({
    workflows,
    config,
    withScheduler,
    applySchedules,
    logOf,
    early,
    prepareSchema: (client) =>
      migrate
        ? migrateTables(client, config.worker, logOf('migrate'), { schedules: !withScheduler })
        : requireSchema(client.db),
  });
  const onAbort = (): void => void parts.stop().catch(() => undefined);
  signal?.addEventListener('abort', onAbort, { once: true });
  const stop = (): Promise<Drained> => {
    signal?.removeEventListener('abort', onAbort);
    return parts.stop();
  };
  try {
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

function loggers({ log }: TaskerOptions, { logLevel, redact }: Config): (role: string) => Logger {
  return (role) => createLogger(log === undefined ? { role, level: logLevel, redact } : { role, pino: log });
}

/**
 * Brings the tables to this version. A database that a newer version has migrated further stays as it is: in a rollout a program of the
 * former version may start once more. `schedules`: with the tables that a scheduler would make.
 */
async function migrateTables(client: Client, config: Config, log: Logger, made: { schedules: boolean }): Promise<void> {
  const { schema, cronSchema } = config;
  const password = passwordOf(config);
  if (await isBehind(client)) {
    await migrateToLatest(directUrl(config), {
      schema,
      password,
      onWarning: (message) => log.warn(message),
      onApplied: (migration) => log.info({ migration }, 'migrated'),
    });
  }
  if (!made.schedules) return;
  const prepared = await prepareSchedules({ url: directUrl(config), schema, cronSchema, password });
  if (prepared.outcome === 'refused') log.warn(`no schedules yet: ${prepared.why}`);
}

async function isBehind(client: Client): Promise<boolean> {
  try {
    await requireSchema(client.db);
    return false;
  } catch (error) {
    if (taskerErrorCode(error) === 'SCHEMA_OUTDATED') return true;
    throw error;
  }
}

async function applySchedulesOf(workflows: readonly WorkflowDefinition[], client: Client, log: Logger): Promise<void> {
  for (const { key, workflow, outcome } of await client.applySchedules(workflows)) {
    if (outcome === 'kept') {
      log.warn(
        { schedule: key, workflow },
        `schedule "${key}" is not that of the code: it was made or changed by hand, or is in the code of another workflow`,
      );
    } else if (outcome !== 'unchanged') log.info({ schedule: key, workflow, outcome }, 'schedule applied');
  }
}
