/** `tasker-fleet/worker`: to run a worker inside a program of one's own. Loads no cron. */
export type { Config } from '../config/config.ts';
export { loadConfig } from '../config/load-config.ts';
export { ConfigError, SchemaOutdatedError, TaskerError, UnsuitableDatabaseError } from '../errors.ts';
export {
  createLogger,
  type LogDestination,
  type Logger,
  type LoggerOptions,
  type LogMethod,
  type OwnLogger,
  type PinoOptions,
  type PinoTransport,
} from '../logger.ts';
export type { Drained } from '../process/service.ts';
export type { QuarantineProcess } from '../worker/scope/worker-options.ts';
export { startWorker, type WorkerProcess, type WorkerProcessOptions } from '../worker/start-worker.ts';
export type { WorkflowDefinition } from '../workflow/definition.ts';
