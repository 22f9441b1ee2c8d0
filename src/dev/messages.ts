/** What a worker process of `tasker dev` sends to it. */
export type FromWorker =
  /** Every file that its modules have imported until now; also if one of them does not load. */
  | { type: 'imported'; files: string[] }
  /** The modules do not load, or the worker does not start. */
  | { type: 'failed'; problem: string }
  | { type: 'loaded' }
  | { type: 'started'; workflows: ServedWorkflow[] }
  | { type: 'taskEnded'; taskId: string; state: 'complete' | 'error' }
  /** The task of `--submit` could not be submitted: no task will end. */
  | { type: 'notSubmitted' };

/** What `tasker dev` sends to a worker process: to register its workflows and to run steps. SIGTERM drains it. */
export interface ToWorker {
  type: 'start';
}

export interface ServedWorkflow {
  namespace: string;
  name: string;
  version: string;
  steps: number;
  /** An input that fits the schema, as JSON, if the schema can be described. */
  sampleInput: string;
  needsKey: boolean;
}
