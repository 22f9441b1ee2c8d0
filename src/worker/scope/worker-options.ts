import type { Database } from '../../db/connections/database.ts';
import type { StepLogger, WorkflowDefinition } from '../../workflow/definition.ts';
import type { WorkerEvents } from '../telemetry/events.ts';
import type { QuarantineProcess } from '../quarantine/quarantine-watch.ts';

export interface WorkerOptions {
  db: Database;
  /** Direct connection for LISTEN and the session lock; undefined where there is only a pooler. */
  directUrl: string | undefined;
  /** Connection for the heartbeat where there is no direct one. */
  url: string;
  /** Instead of the passwords in the URLs. */
  databasePasswordFile?: string | undefined;
  workflows: readonly WorkflowDefinition[];
  queues: readonly string[];
  /** How many handlers may run at once. */
  slots: number;
  name: string;
  version: string;
  /** Listen for hints that there is work. */
  notify: boolean;
  minPollIntervalMs: number;
  maxPollIntervalMs: number;
  /** The longest pause between two looks while hints arrive; `maxPollIntervalMs` where it is not said, or said to be less. */
  hintedPollIntervalMs?: number;
  maxClaim: number;
  /** Claim the children of a completed step in the same round trip. */
  fusedClaims: boolean;
  leaseSeconds: number;
  heartbeatIntervalMs: number;
  maxStallMs: number;
  drainGraceSeconds: number;
  abortGraceMs: number;
  defaultStepTimeoutSeconds: number;
  maxResultBytes: number;
  maxBackoffRequestSeconds: number;
  backoffCapSeconds: number;
  backoffDisabled: boolean;
  resultCacheBytes: number;
  /** Starts a process for steps in quarantine; undefined: the worker runs them beside the others, one at a time. */
  startQuarantine?: (() => QuarantineProcess) | undefined;
  /** False in a process that serves quarantines itself. */
  watchesQuarantine?: boolean;
  /** Whether a process whose event loop stands still, with no step inside its time limit, is killed. */
  killWhenStalled?: boolean;
  /** How often the worker tells the database what it does, for the scaling signal. */
  activityIntervalMs?: number;
  /** How long a workflow that could not be registered waits for its next try. */
  registrationRetryMs?: number;
  events: WorkerEvents;
  loggerFor: (fields: {
    namespace: string;
    workflow: string;
    task_id: string;
    step: string;
    attempt: number;
    worker_id: string;
  }) => StepLogger;
  onRound?: () => void;
}
