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
export type { QueueStatsRow } from './db/statements/queues/queue-stats.ts';
export type { StepRow, TaskRow, WorkerRow } from './db/statements/tasks/read-tasks.ts';
export {
  migrateDown,
  type MigrateOptions,
  migrateTo,
  migrateToLatest,
  migrateUp,
  type MigrationStatus,
  migrationStatus,
} from './db/migrate.ts';
export type { CancelOutcome } from './engine/cancel.ts';
export type { Act } from './engine/operator.ts';
export type { ResolveOutcome } from './engine/resolve.ts';
export type { RetryOutcome } from './engine/retry.ts';
export type { Submitted } from './engine/submit.ts';
export {
  ConfigError,
  EmbeddedPostgresError,
  EmbeddedPostgresUnavailableError,
  InvalidInputError,
  PermanentError,
  RetryableError,
  SchemaOutdatedError,
  TaskerError,
  UnknownWorkflowError,
  UnsuitableDatabaseError,
  WorkflowDefinitionError,
} from './errors.ts';
export { createLogger, type Logger } from './logger.ts';
export { type SchedulerProcess, startScheduler } from './scheduler/start-scheduler.ts';
export type { Drained } from './membership/within.ts';
export type { QuarantineProcess } from './worker/quarantine-watch.ts';
export { startWorker, type WorkerProcess } from './worker/start-worker.ts';
export { VERSION } from './version.ts';
export {
  analyzeDag,
  buildDefinition,
  type Dag,
  type DagNode,
  defineWorkflow,
  type IdentityStrategy,
  type InputOf,
  type Json,
  type Jsonify,
  type RawTexts,
  type ResultsOf,
  type SchemaInput,
  type SchemaOutput,
  type StandardSchema,
  type StepContext,
  type StepDefaults,
  type StepHandler,
  type StepInput,
  type StepLogger,
  type StepOptions,
  type StepTemplate,
  type Workflow,
  type WorkflowDefinition,
  type WorkflowOptions,
} from './workflow/index.ts';
export { loadWorkflowYaml } from './workflow/yaml.ts';
