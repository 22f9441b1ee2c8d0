/** The public API: everything a program needs to define, submit and run workflows. */
export { Client, createClient } from './client/client.ts';
export type {
  ClientOptions,
  InTransaction,
  ListTasksOptions,
  ReportOptions,
  RunStatsOptions,
  TaskPageOptions,
  WaitOptions,
} from './client/client-options.ts';
export type { TaskCount, TaskPage } from './client/task-list-client.ts';
export type { StepError, TaskResult } from './client/task-result.ts';
export type { ReportFallback } from './reads/report-reader.ts';
export type { TaskDetails, TaskStep } from './reads/task.ts';
export type { StepAction, TaskAction } from './workflow/allowed-actions.ts';
export type { AuditRow } from './db/reads/audit.ts';
export type { ChainedAct, ChainReport } from './reads/audit.ts';
export type { PauseKind, PauseRow } from './db/statements/acts/pauses.ts';
export type { PauseOutcome, ResumeOutcome } from './engine/pause.ts';
export type { ActsClient, AuditOptions } from './client/acts-client.ts';
export type { AuditFilter } from './reads/audit.ts';
export type { SubmittedByName, WorkflowByName } from './client/stored-workflow.ts';
export type { PausableName, PauseOptions } from './client/checked-acts.ts';
export type { TriggerOutcome } from './schedules/schedule-list.ts';
export type { RunStats } from './reads/run-stats.ts';
export type { WaitStats } from './reads/wait-stats.ts';
export { parseSearch } from './reads/search/parse-search.ts';
export type { TaskFilter } from './reads/task-filter.ts';
export type { SubmitOptions, SubmitRequest } from './client/new-task.ts';
export type { PurgeOptions, PurgeReport, PurgeSelection } from './client/purge.ts';
export type {
  ArchiveClient,
  FindArchivedOptions,
  ListArchivesOptions,
  RestoreArchivedOptions,
  VerifyArchiveOptions,
} from './client/archive-client.ts';
export type { ArchivedTaskRow } from './archive/find-tasks.ts';
export type { ArchiveProblem, VerifyReport } from './archive/verify.ts';
export type { ArchiveSettings } from './archive/stores/open-store.ts';
export type { MendedOrphan, Orphan } from './archive/orphans.ts';
export type { RestoreOutcome } from './archive/restore.ts';
export type { ArchiveRow } from './db/statements/archive/records.ts';
export type { ScheduleClient } from './client/schedule-client.ts';
export type { TaskListClient } from './client/task-list-client.ts';
export type { StatsClient } from './client/stats-client.ts';
export type { InsightClient, RegisteredWorkflow } from './client/insight-client.ts';
export type { TaskPath } from './reads/critical-path/read-critical-path.ts';
export type { CriticalPath, PathStep } from './reads/critical-path/critical-path.ts';
export type { Split } from './reads/critical-path/timeline.ts';
export type { HistoryPageRow, StoredEdit } from './db/reads/task-documents.ts';
export type { JsonChange } from './workflow/json-diff.ts';
export type {
  RecordedDocument,
  RecordedEdit,
  RecordedError,
  RecordedStep,
  RecordedTransition,
  TaskRecord,
} from './reads/record/record.ts';
export type { TraceMode } from './tracing/trace-mode.ts';
export type { FailureGroup } from './db/reads/failures.ts';
export type { Explanation, Links, NextAction, OtherSteps, Reason } from './reads/explain/explanation.ts';
export type { Verdict, WhoActs } from './reads/explain/verdicts.ts';
export type { FailureFilter, Failures } from './reads/failures.ts';
export type { WorkflowDetails, WorkflowStep } from './reads/workflow-details.ts';
export type { ScheduleAdded, SchedulePut } from './schedules/schedule-list.ts';
export type { ScheduleInfo } from './schedules/schedule-info.ts';
export type { ScheduleOptions } from './client/new-schedule.ts';
export type { ScheduleByNameOptions, WriteScheduleOptions } from './client/put-schedule.ts';
export type { AppliedSchedule, ApplySchedulesOptions } from './client/apply-schedules.ts';
export type { Config, Role, SettingName, Settings } from './config/config.ts';
export type { RoleRule } from './config/role-rules.ts';
export type { RoleName } from './permissions.ts';
export { loadConfig } from './config/load-config.ts';
export type { CallersTransaction, GivenTransaction } from './db/connections/callers-transaction.ts';
export type { KyselyTransaction } from './db/connections/kysely-transaction.ts';
export type { PasswordSource } from './db/connections/password-source.ts';
export type { QueueDepthRow, QueueStatsRow, ReadyPrecision } from './db/reads/queues.ts';
export type { QueueReport } from './reads/queues.ts';
export type { QueueTimesRow } from './db/reads/queue-details.ts';
export type { QueueScalingRow } from './db/statements/scaling/queue-scaling.ts';
export type { HourStatsRow, RunStatsRow } from './db/reads/run-stats.ts';
export type { StepRow, TaskRow } from './db/reads/tasks.ts';
export type { WorkerRow } from './db/reads/workers.ts';
export type { HeldStepRow, LeasedWorkerRow, ServedVersionRow } from './db/reads/worker-details.ts';
export type { WorkerDetails } from './reads/workers.ts';
export type { WorkflowList, WorkflowRow } from './db/reads/workflows.ts';
export type { MigrateOptions } from './db/migrate-options.ts';
export {
  migrateDown,
  migrateTo,
  migrateToLatest,
  migrateUp,
  type MigrationStatus,
  migrationStatus,
} from './db/migrate.ts';
export type { CancelOutcome } from './engine/cancel.ts';
export type { OperatorAction, Superseded } from './engine/operator-action.ts';
export type { PurgedRows } from './db/statements/tasks/purge-tasks.ts';
export type { KeptByHold, KeptTask } from './engine/remove-tasks.ts';
export type { Hold, HoldSubject } from './engine/holds.ts';
export type { DueTasks, RetentionReport } from './engine/retention-report.ts';
export type { RemovedRow } from './db/reads/retention.ts';
export type { Holds, NewHold } from './client/holds.ts';
export type { SearchedWorkflow, SearchPaths } from './client/search-paths.ts';
export type { DisableSearchOutcome, EnableSearchOutcome } from './engine/search-paths.ts';
export type { SearchProgressRow } from './db/reads/search-paths.ts';
export type { SearchPathRow } from './db/statements/directory/search-paths.ts';
export type { RetentionClient } from './client/retention-client.ts';
export type { KeepSource, WorkflowRetention } from './engine/retention-policy.ts';
export type { KeepPolicy, KeepTime, KeptState } from './keep-policy.ts';
export type { ReleaseHeldOutcome } from './engine/release-held.ts';
export type { ResolveOutcome } from './engine/resolve.ts';
export type { RerunOutcome } from './engine/rerun.ts';
export type { RetryOutcome } from './engine/retry.ts';
export type { Submitted } from './engine/submit.ts';
export type { Operations, OperationScope, PreviewedOperation } from './client/operations.ts';
export type { NewOperation } from './client/new-operation.ts';
export type { OperationItemRow } from './db/reads/operations.ts';
export type {
  OperationAction,
  OperationOptions,
  OperationRow,
  OperationState,
  PreviewCounts,
} from './db/statements/operations/operations.ts';
export type { SteerOutcome } from './engine/operations/steer.ts';
export {
  ArchiveBusyError,
  ArchiveDamagedError,
  ArchiveUnavailableError,
  ClientClosedError,
  ConfigError,
  DatabaseBusyError,
  EmbeddedPostgresError,
  EmbeddedPostgresUnavailableError,
  InvalidInputError,
  PermanentError,
  ReportUnavailableError,
  RetryableError,
  SchemaOutdatedError,
  TaskerError,
  UnknownWorkflowError,
  UnsuitableDatabaseError,
  WaitTimeoutError,
  WorkflowDefinitionError,
} from './errors.ts';
export {
  createLogger,
  type LogDestination,
  type Logger,
  type LoggerOptions,
  type LogMethod,
  type OwnLogger,
  type PinoOptions,
  type PinoTransport,
} from './logger.ts';
export type { SchedulerProcess, SchedulerProcessOptions } from './scheduler/start-scheduler.ts';
export type { Drained } from './process/service.ts';
export type { RunningService } from './process/service.ts';
export type { CrashOrigin } from './worker/telemetry/events.ts';
export type { QuarantineProcess } from './worker/scope/worker-options.ts';
export { startScheduler, startTasker, startWorker } from './tasker/on-call.ts';
export type { Tasker } from './tasker/start-tasker.ts';
export type { TaskerOptions } from './tasker/tasker-options.ts';
export type { SettingsInCode } from './process/settings-in-code.ts';
export type { WorkerProcess, WorkerProcessOptions } from './worker/start-worker.ts';
export { VERSION } from './version.ts';
export type { AnyJson } from './workflow/any-json.ts';
export { analyzeDag, type Dag, type DagNode } from './workflow/analyze-dag.ts';
export { buildDefinition, type StepInput } from './workflow/build-definition.ts';
export { defineWorkflow, type Workflow, type WorkflowOptions } from './workflow/define-workflow.ts';
export type {
  BackoffOptions,
  IdentityStrategy,
  InputOf,
  RawTexts,
  ResultsOf,
  StepContext,
  StepDefaults,
  StepHandler,
  StepLogger,
  StepOptions,
  StepTemplate,
  WorkflowDefinition,
  WorkflowName,
} from './workflow/definition.ts';
export type { StoredError } from './workflow/describe-thrown.ts';
export type { MakeUp, Overlap, VersionPolicy, WorkflowSchedule } from './workflow/schedule-options.ts';
export type { Json, Jsonify, Storable, UnstorableReason } from './workflow/json.ts';
export type { ReuseOptions, ReuseRule } from './workflow/reuse.ts';
export type {
  SchemaInput,
  SchemaOutput,
  StandardIssue,
  StandardResult,
  StandardSchema,
} from './workflow/standard-schema.ts';
export type { State } from './workflow/states.ts';
export type { StepContextOf } from './workflow/step-context-of.ts';
export type { StoredOccurrence, TaskOccurrence } from './workflow/task-occurrence.ts';
export { loadWorkflowYaml, type LoadYamlOptions, type YamlStepHandler } from './workflow/yaml.ts';
