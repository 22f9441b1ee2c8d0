/** `tasker-fleet/client`: for programs that submit tasks, read and steer them. Loads the PostgreSQL driver, no server and no cron. */
export { Client, createClient } from '../client/client.ts';
export type {
  ClientOptions,
  InTransaction,
  ListTasksOptions,
  ReportOptions,
  TaskPageOptions,
  RunStatsOptions,
  WaitOptions,
} from '../client/client-options.ts';
export type { ScheduleOptions } from '../client/new-schedule.ts';
export type { ScheduleByNameOptions, WriteScheduleOptions } from '../client/put-schedule.ts';
export type { SubmitOptions, SubmitRequest } from '../client/new-task.ts';
export type { PurgeOptions, PurgeReport, PurgeSelection } from '../client/purge.ts';
export type {
  ArchiveClient,
  FindArchivedOptions,
  ListArchivesOptions,
  RestoreArchivedOptions,
  VerifyArchiveOptions,
} from '../client/archive-client.ts';
export type { ArchivedTaskRow } from '../archive/find-tasks.ts';
export type { ArchiveProblem, VerifyReport } from '../archive/verify.ts';
export type { ArchiveSettings } from '../archive/stores/open-store.ts';
export type { MendedOrphan, Orphan } from '../archive/orphans.ts';
export type { RestoreOutcome } from '../archive/restore.ts';
export type { ArchiveRow } from '../db/statements/archive/records.ts';
export type { TaskCount, TaskPage } from '../client/task-list-client.ts';
export type { StepError, TaskResult } from '../client/task-result.ts';
export type { CallersTransaction, GivenTransaction } from '../db/connections/callers-transaction.ts';
export type { QueueDepthRow, QueueStatsRow, ReadyPrecision } from '../db/reads/queues.ts';
export type { HourStatsRow, RunStatsRow } from '../db/reads/run-stats.ts';
export type { StepRow, TaskRow } from '../db/reads/tasks.ts';
export type { HeldStepRow, LeasedWorkerRow, ServedVersionRow } from '../db/reads/worker-details.ts';
export type { WorkerRow } from '../db/reads/workers.ts';
export type { WorkerDetails } from '../reads/workers.ts';
export type { WorkflowList, WorkflowRow } from '../db/reads/workflows.ts';
export type { CancelOutcome } from '../engine/cancel.ts';
export type { OperatorAction, Superseded } from '../engine/operator-action.ts';
export type { PurgedRows } from '../db/statements/tasks/purge-tasks.ts';
export type { KeptByHold, KeptTask } from '../engine/remove-tasks.ts';
export type { Hold, HoldSubject } from '../engine/holds.ts';
export type { DueTasks, RetentionReport } from '../engine/retention-report.ts';
export type { RemovedRow } from '../db/reads/retention.ts';
export type { Holds, NewHold } from '../client/holds.ts';
export type { SearchedWorkflow, SearchPaths } from '../client/search-paths.ts';
export type { DisableSearchOutcome, EnableSearchOutcome } from '../engine/search-paths.ts';
export type { SearchProgressRow } from '../db/reads/search-paths.ts';
export type { SearchPathRow } from '../db/statements/directory/search-paths.ts';
export type { RetentionClient } from '../client/retention-client.ts';
export type { KeepSource, WorkflowRetention } from '../engine/retention-policy.ts';
export type { KeepPolicy, KeepTime, KeptState } from '../keep-policy.ts';
export type { ReleaseHeldOutcome } from '../engine/release-held.ts';
export type { ResolveOutcome } from '../engine/resolve.ts';
export type { RerunOutcome } from '../engine/rerun.ts';
export type { RetryOutcome } from '../engine/retry.ts';
export type { Submitted } from '../engine/submit.ts';
export {
  ClientClosedError,
  ConfigError,
  DatabaseBusyError,
  InvalidInputError,
  ReportUnavailableError,
  SchemaOutdatedError,
  TaskerError,
  UnknownWorkflowError,
  UnsuitableDatabaseError,
  WaitTimeoutError,
} from '../errors.ts';
export type { ReportFallback } from '../reads/report-reader.ts';
export type { TaskDetails, TaskStep } from '../reads/task.ts';
export type { StepAction, TaskAction } from '../workflow/allowed-actions.ts';
export type { AuditRow } from '../db/reads/audit.ts';
export type { ChainedAct, ChainReport } from '../reads/audit.ts';
export type { PauseKind, PauseRow } from '../db/statements/acts/pauses.ts';
export type { PauseOutcome, ResumeOutcome } from '../engine/pause.ts';
export type { ActsClient, AuditOptions } from '../client/acts-client.ts';
export type { AuditFilter } from '../reads/audit.ts';
export type { SubmittedByName, WorkflowByName } from '../client/stored-workflow.ts';
export type { PausableName, PauseOptions } from '../client/checked-acts.ts';
export type { TriggerOutcome } from '../schedules/schedule-list.ts';
export type { RunStats } from '../reads/run-stats.ts';
export type { WaitStats } from '../reads/wait-stats.ts';
export { parseSearch } from '../reads/search/parse-search.ts';
export type { TaskFilter } from '../reads/task-filter.ts';
export type { ScheduleInfo } from '../schedules/schedule-info.ts';
export type { ScheduleAdded } from '../schedules/schedule-list.ts';
export type { InputOf, ResultsOf, WorkflowDefinition } from '../workflow/definition.ts';
export type { StoredError } from '../workflow/describe-thrown.ts';
export type { State } from '../workflow/states.ts';
export type { Operations, OperationScope, PreviewedOperation } from '../client/operations.ts';
export type { NewOperation } from '../client/new-operation.ts';
export type { OperationItemRow } from '../db/reads/operations.ts';
export type {
  OperationAction,
  OperationOptions,
  OperationRow,
  OperationState,
  PreviewCounts,
} from '../db/statements/operations/operations.ts';
export type { SteerOutcome } from '../engine/operations/steer.ts';
