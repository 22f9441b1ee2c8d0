/** The public API: everything a program needs to define, submit and run workflows. */
export {
  Client,
  type ClientOptions,
  createClient,
  type ListTasksOptions,
  type ScheduleAdded,
  type ScheduleInfo,
  type ScheduleOptions,
  type SubmitOptions,
  type SubmitRequest,
  type TaskDetails,
} from './client/index.ts';
export { type Config, loadConfig } from './config/index.ts';
export type { CallersTransaction } from './db/database.ts';
export { migrateDown, migrateTo, migrateToLatest, migrateUp, migrationStatus } from './db/migrate.ts';
export {
  ConfigError,
  InvalidInputError,
  PermanentError,
  RetryableError,
  SchemaOutdatedError,
  TaskerError,
  UnknownWorkflowError,
  WorkflowDefinitionError,
} from './errors.ts';
export { createLogger, type Logger } from './logger.ts';
export { type SchedulerProcess, startScheduler } from './scheduler/start-scheduler.ts';
export type { Drained } from './membership/within.ts';
export { startWorker, type WorkerProcess } from './worker/start-worker.ts';
export { VERSION } from './version.ts';
export {
  defineWorkflow,
  type InputOf,
  type Json,
  type RawTexts,
  type ResultsOf,
  type StepContext,
  type StepOptions,
  type WorkflowDefinition,
} from './workflow/index.ts';
export { loadWorkflowYaml } from './workflow/yaml.ts';
