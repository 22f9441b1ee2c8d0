import type * as api from '../../src/http/operations.ts';
import type { ResponseOf } from '../../src/http/types.ts';

/** What the API returns, as its contract has it: what is generated from the routes, by the names that pages use. */
export type Task = api.Task;
export type TaskState = Task['state'];
export type TaskDetails = api.TaskDetails;
export type StepState = Omit<api.StepState, 'revision'>;
export type StepDetails = api.StepDetails;
export type Payload = NonNullable<TaskDetails['input']>;
export type Attempt = api.Attempt;
export type Explanation = api.Explanation;
export type Reason = Explanation['because'][number];
export type Layout = api.Layout;
export type CriticalPath = ResponseOf<'GET /v1/tasks/{task_id}/critical-path'>;
export type FailureGroup = api.FailureGroup;
export type Failures = ResponseOf<'GET /v1/failures'>;
export type Operation = api.Operation;
export type OperationItem = api.OperationItem;
export type PreviewedOperation = api.PreviewedOperation;
export type Coverage = api.Coverage;
export type Definition = ResponseOf<'GET /v1/workflows/{namespace}/{workflow}'>['items'][number];
export type WorkflowVersion = api.WorkflowVersion;
export type Queue = api.Queue;
export type QueueRow = ResponseOf<'GET /v1/queues'>['items'][number];
export type QueueDetails = ResponseOf<'GET /v1/queues/{queue}'>;
export type Overview = ResponseOf<'GET /v1/overview'>;
export type Attention = api.Attention;
export type FleetProcess = api.Worker;
export type FleetProcessDetails = api.WorkerDetails;
export type DefinitionDetails = api.WorkflowVersionDetails;
export type ConnectionBudget = api.ConnectionBudget;
export type Schedule = api.Schedule;
export type SearchPath = api.SearchPath;
export type PutSchedule = ResponseOf<'PUT /v1/schedules/{key}'>;
export type DoctorReport = ResponseOf<'GET /v1/health/doctor'>;
export type AuditedAct = api.Act;
export type RunStats = api.RunStats;
export type Stats = ResponseOf<'GET /v1/stats'>;
export type Me = ResponseOf<'GET /v1/me'>;

/** States of a task and of a step are the same words. */
export type Transition = Omit<api.Transition, 'from_state' | 'to_state'> & {
  readonly from_state: TaskState | null;
  readonly to_state: TaskState;
};

/** Ordinal, state, attempts, open parents; in milliseconds since the submit: ready, started, ended, next retry, blocked. */
export type StepTuple = readonly [
  number,
  TaskState,
  number,
  number,
  number | null,
  number | null,
  number | null,
  number | null,
  number | null,
];
export type States = Omit<ResponseOf<'GET /v1/tasks/{task_id}/states'>, 'steps'> & {
  readonly steps: readonly StepTuple[];
};

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next_cursor: string | null;
  readonly complete: boolean;
  readonly scanned_to: string | null;
  readonly as_of: string;
}
