/** What the index of an object has of a task: one line of JSON. */
export interface IndexEntry {
  task_id: string;
  /** The place of its block in the manifest. */
  block: number;
  workflow: number;
  state: string;
  /** The identity, without its generation: tasks of one identity are restored together. */
  identity: string;
  /** Absent: the identity was never used again. */
  generation?: number;
  tags?: string[];
  requested_at: string;
  ended_at: string;
  steps: number;
  edges: number;
  transitions: number;
}

/** A workflow version as the object has it. `named_task_id` and `named_step_id` are those of the rows. */
export interface ArchivedWorkflow {
  named_task_id: number;
  namespace: string;
  name: string;
  version: string;
  description: string | null;
  definition_hash: string | null;
  sinks: number;
  /** JSON text; absent in objects of before it was stored. */
  input_schema?: string | null;
  /** JSON text, exactly as it was stored. */
  configuration: string;
  /** JSON text: an array, as a registration takes it. */
  steps: string;
}

export interface ArchivedDefinitions {
  workflows: ArchivedWorkflow[];
  /** The names of steps by their id. */
  step_names: { named_step_id: number; name: string }[];
}
