/** What a worker tells the process it lives in: everything that is counted, timed or logged. Keys are workflow and step names. */
export interface StepLabels {
  namespace: string;
  workflow: string;
  step: string;
  queue: string;
}

/** By which of the process's events an error came that nobody caught. */
export type CrashOrigin = 'exception' | 'rejection';

export interface WorkflowKey {
  namespace: string;
  name: string;
  version: string;
}

export type StepOutcome = 'complete' | 'error' | 'timeout' | 'released' | 'lost';

export interface WorkerEvents {
  /** One claim statement ended. `steps` may be 0. `fused`: claimed by a completion. */
  claimed(info: { queue: string; steps: number; seconds: number; fused: boolean }): void;
  /** A handler is about to run. `waitedSeconds`: from ready to claimed, by the database clock. */
  started(labels: StepLabels, info: { waitedSeconds: number; attempt: number }): void;
  /** An attempt ended and the database has been told, or refused to hear it (`lost`). */
  finished(
    labels: StepLabels,
    info: {
      outcome: StepOutcome;
      seconds: number;
      attempt: number;
      taskId: string;
      willRetry?: boolean | undefined;
      /** Of a failure: JSON text, as it is in the history. */
      metadata?: string | undefined;
    },
  ): void;
  flushed(info: { steps: number; seconds: number }): void;
  taskEnded(state: 'complete' | 'error', count: number): void;
  /** A handler went on running after its deadline and the grace that follows. */
  stuck(labels: StepLabels): void;
  /** The lease was ended by someone else: everything that was running here now belongs to others. */
  leaseLost(workerId: string): void;
  /** The database refuses to register a workflow; the others run, and this one is tried again now and then. */
  workflowRefused(workflow: WorkflowKey, problem: string): void;
  /** A workflow is registered and served from now on. */
  workflowServed(workflow: WorkflowKey, wasRefused: boolean): void;
  /** Open tasks of another graph than the definition's got a version of their own. */
  tasksSetAside(workflow: WorkflowKey, version: string, taskIds: readonly string[]): void;
  /** The worker joined an installation; `former` is empty at the start, and differs if the database was replaced. */
  joined(installationId: string, former: string): void;
  failed(what: string, error: unknown): void;
  /** A step's code threw, or left a promise that rejected, where nobody could catch it. */
  leaked?(
    labels: StepLabels,
    info: { taskId: string; attempt: number; origin: CrashOrigin; stillRan: boolean; error: unknown },
  ): void;
}
