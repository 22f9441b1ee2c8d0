import type { TraceFields } from '../../tracing/attempt-trace.ts';
import type { WorkflowDefinition } from '../../workflow/definition.ts';
import type { StoredError } from '../../workflow/describe-thrown.ts';

/** Everything that is counted, timed or logged of a step has these labels: the names of its workflow and of itself. */
export interface StepLabels {
  namespace: string;
  workflow: string;
  step: string;
  queue: string;
}

/** By which event of the process an uncaught error came. */
export type CrashOrigin = 'exception' | 'rejection';

export interface WorkflowKey {
  namespace: string;
  name: string;
  version: string;
}

export type StepOutcome = 'complete' | 'error' | 'timeout' | 'released' | 'lost';

/** Receives everything of a worker that is counted, timed or logged. */
export interface WorkerEvents {
  /** One claim statement ended. `steps` may be 0. `chained`: claimed by the completion of their parents. */
  claimed(info: { queue: string; steps: number; seconds: number; chained: boolean }): void;
  /**
   * A handler is about to run. `waitedSeconds`: from ready to claimed, by the database clock. `traceContext`: as its task keeps it; null: it
   * is not traced.
   */
  started(labels: StepLabels, info: { waitedSeconds: number; attempt: number }, traceContext?: string | null): void;
  /** The outcome of an attempt is recorded; or it does not count, because the claim was lost (`lost`). */
  finished(
    labels: StepLabels,
    info: {
      outcome: StepOutcome;
      seconds: number;
      attempt: number;
      taskId: string;
      willRetry?: boolean | undefined;
      /** Of a failure. */
      error?: StoredError | undefined;
      /** If the task is traced; of one that completed, only if it has a span. */
      trace?: TraceFields | undefined;
    },
  ): void;
  /** One batch of outcomes was written, or failed to be. */
  batchCompleted(info: { steps: number; seconds: number }): void;
  taskEnded(state: 'complete' | 'error', taskIds: readonly string[]): void;
  /** A handler went on running after its deadline and the grace that follows. */
  unresponsive(labels: StepLabels, info: { taskId: string; attempt: number; trace?: TraceFields | undefined }): void;
  /** The lease was ended by another process: everything that was running here now belongs to others. */
  leaseLost(workerId: string): void;
  /** The database refuses to register a workflow; the others run, and this one is tried again at intervals. */
  workflowRefused(workflow: WorkflowKey, problem: string): void;
  /** A workflow is registered and served from now on. */
  workflowServed(workflow: WorkflowDefinition, wasRefused: boolean, namedTaskId: number): void;
  /** Open tasks of another graph than the definition's got a version of their own. */
  tasksSetAside(workflow: WorkflowKey, version: string, taskIds: readonly string[]): void;
  /** The worker joined an installation; `former` is empty at the start, and differs if the database was replaced. */
  joined(installationId: string, former: string): void;
  /** An error that the worker survived, and what it was doing. */
  failed(what: string, error: unknown): void;
  /** A step's code threw an error that could not be caught, or left a promise that rejected. */
  leaked?(
    labels: StepLabels,
    info: {
      taskId: string;
      attempt: number;
      origin: CrashOrigin;
      stillRan: boolean;
      error: unknown;
      /** If the task is traced. */
      trace?: TraceFields | undefined;
    },
  ): void;
}
