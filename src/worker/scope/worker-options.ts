import type { Config } from '../../config/config.ts';
import type { Database } from '../../db/connections/database.ts';
import type { HeartbeatHost } from '../../membership/heartbeat-host.ts';
import type { MembershipSettings } from '../../membership/membership.ts';
import type { StepLogger, WorkflowDefinition } from '../../workflow/definition.ts';
import type { WorkerEvents } from '../telemetry/events.ts';

/** What a worker reads of the configuration, under the names of src/config/catalogue.ts. */
export type WorkerSettings = MembershipSettings &
  Pick<
    Config,
    | 'abortGraceMs'
    | 'backoffCapSeconds'
    | 'claimBatch'
    | 'drainGraceSeconds'
    | 'fusedClaims'
    | 'hintedPollIntervalMs'
    | 'maxBackoffRequestSeconds'
    | 'maxPollIntervalMs'
    | 'maxResultBytes'
    | 'notify'
    | 'pollIntervalMs'
    | 'queues'
    | 'resultCacheBytes'
    | 'retryBackoffDisabled'
    | 'slots'
    | 'stepTimeoutSeconds'
  >;

/** A process that runs quarantined steps, one at a time, and ends when there are none. */
export interface QuarantineProcess {
  readonly exited: Promise<void>;
  /** Asks it to drain. */
  stop(): Promise<void>;
}

export interface WorkerOptions {
  db: Database;
  settings: WorkerSettings;
  workflows: readonly WorkflowDefinition[];
  /** As the fleet's listing shows the process. */
  name: string;
  version: string;
  /** Starts a process for quarantined steps; undefined: the worker runs them beside the others, one at a time. */
  startQuarantine?: (() => QuarantineProcess) | undefined;
  /** False in a process that serves quarantines itself. */
  watchesQuarantine?: boolean;
  /** Whether the process is killed if its event loop stands still while no step is inside its time limit. */
  killWhenStalled?: boolean;
  /** See MembershipOptions. */
  heartbeats?: HeartbeatHost | undefined;
  /** Whether notifications of the database may be listened to a moment after the start. Until then polls find what other processes submit. */
  listensLater?: boolean;
  /** How often the worker reports its activity to the database, for the scaling signal. */
  activityIntervalMs?: number;
  /** How often the worker reconciles its claims with the database. */
  reconcileIntervalMs?: number;
  /** How long a workflow that could not be registered waits for its next try. */
  registrationRetryMs?: number;
  events: WorkerEvents;
  loggerFor: (fields: HandlerLogFields) => StepLogger;
  /** Called at the beginning of each claim round, so that a loop that stands still is noticed. */
  onRound?: () => void;
}

/** What every log line of a handler carries. */
export type HandlerLogFields = {
  namespace: string;
  workflow: string;
  task_id: string;
  step: string;
  attempt: number;
  worker_id: string;
  /** If the task is traced. */
  trace_id?: string;
  /** If the attempt has a span. */
  span_id?: string;
};
