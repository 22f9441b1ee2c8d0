import type { Client } from '../client/client.ts';
import { configuredClient } from '../client/configured-client.ts';
import type { Config } from '../config/config.ts';
import { createLogger } from '../logger.ts';
import { lateLogger } from '../logger/late-logger.ts';
import type { Logger } from '../logger/logger-types.ts';
import { connectRoleDatabase, type RoleDatabase } from '../process/role-database.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';
import { type PreparedSchema, prepareSchema } from './prepare-schema.ts';
import { taskerConfig } from './tasker-config.ts';
import { checkTaskerOptions, type TaskerOptions } from './tasker-options.ts';

/** What of a program runs already while the code of its worker and its scheduler is loaded. */
export interface Beginning {
  readonly workflows: WorkflowDefinition[];
  readonly config: { readonly worker: Config; readonly scheduler: Config };
  /** The logger of a part. */
  readonly logOf: (role: string) => Logger;
  readonly client: Client;
  readonly schema: PreparedSchema;
  /** With the first session under way. */
  readonly databases: { readonly worker: RoleDatabase };
}

/**
 * Begins what takes long outside of the main thread: the heartbeat thread, and the check of the schema, or its migration. Throws, before it
 * begins anything, for options and settings that cannot be meant. What this module imports is what `tasker-fleet` has loaded anyway.
 */
export async function begin(options: TaskerOptions): Promise<Beginning> {
  const workflows = checkTaskerOptions(options);
  const config = taskerConfig(options, workflows);
  options.signal?.throwIfAborted();
  const logOf = loggers(options, config.worker);
  const client = configuredClient(config.worker, {
    poolSize: config.worker.poolSize,
    applicationName: 'tasker client',
  });
  const { migrate = false, scheduler = true } = options;
  // First: on an empty database it is what the rest waits for.
  const schema = prepareSchema(client, config.worker, () => logOf('migrate'), { migrate, schedules: !scheduler });
  // Open when its code is there to use it.
  const databases = { worker: connectRoleDatabase('worker', config.worker) };
  return { workflows, config, logOf, client, schema, databases };
}

function loggers({ log }: TaskerOptions, { logLevel, redact }: Config): (role: string) => Logger {
  return (role) => {
    if (log !== undefined) return createLogger({ role, pino: log });
    const make = (): Logger => createLogger({ role, level: logLevel, redact });
    // Paths that pino does not know are refused at the start.
    return redact.length > 0 ? make() : lateLogger(logLevel, make);
  };
}
