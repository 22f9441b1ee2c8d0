/** What the API returns, as far as pages use it. Ids are texts; times are RFC 3339. */
export type TaskState = 'pending' | 'in_progress' | 'complete' | 'error' | 'cancelled' | 'resolved_manually';

export interface StoredError {
  readonly name: string;
  readonly message: string | null;
  readonly code?: string;
}

export interface Task {
  readonly task_id: string;
  readonly namespace: string;
  readonly workflow: string;
  readonly version: string;
  readonly state: TaskState;
  readonly priority: number;
  readonly requested_at: string;
  readonly completed_at: string | null;
  readonly initiator: string | null;
  readonly source_system: string | null;
  readonly reason: string | null;
  readonly tags: readonly string[] | null;
  readonly schedule: { readonly name: string; readonly scheduled_at: string; readonly made_up: boolean } | null;
}

export interface StepState {
  readonly name: string;
  readonly state: TaskState;
  readonly queue: string;
  readonly attempts: number;
  readonly retry_limit: number;
  readonly ready: boolean;
  readonly unmet_parents: number;
  readonly next_retry_at: string | null;
  readonly blocked_at: string | null;
  readonly last_attempted_at: string | null;
  readonly processed_at: string | null;
  readonly claimed_by: string | null;
}

export interface Step extends StepState {
  readonly parents: readonly string[];
  readonly last_error: StoredError | null;
  readonly allowed_actions: readonly string[];
}

export interface Payload {
  readonly bytes: number;
  readonly href: string;
}

export interface TaskDetails extends Task {
  readonly allowed_actions: readonly string[];
  readonly superseded_by: string | null;
  readonly replaces: string | null;
  readonly rerun_of?: string | null;
  readonly trace_id?: string | null;
  readonly counts: Readonly<Record<string, number>>;
  readonly input: Payload | null;
  readonly steps: readonly Step[];
}

export interface StepDetails extends Step {
  readonly inputs: Payload | null;
  readonly result: Payload | null;
}

export interface Attempt {
  readonly attempt: number;
  readonly started_at: string;
  readonly ended_at: string | null;
  readonly outcome: string | null;
  readonly error: StoredError | null;
  readonly worker_id: string | null;
}

export interface Transition {
  readonly step: string | null;
  readonly from_state: TaskState | null;
  readonly to_state: TaskState;
  readonly cause: string | null;
  readonly error: StoredError | null;
  readonly by: string | null;
  readonly reason: string | null;
  readonly worker_id: string | null;
  readonly at: string;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next_cursor: string | null;
  readonly complete: boolean;
  readonly scanned_to: string | null;
  readonly as_of: string;
}

export interface Reason {
  readonly text: string;
  readonly numbers: Readonly<Record<string, number | string | boolean | null>>;
  readonly links: {
    readonly task_id?: string;
    readonly step?: string;
    readonly worker_id?: string;
    readonly queue?: string;
    readonly workflow?: string;
    readonly fingerprint?: string;
  };
}

export interface Explanation {
  readonly task_id: string;
  readonly step: string | null;
  readonly verdict: string;
  readonly because: readonly Reason[];
  readonly until: string | null;
  readonly who_acts: 'nobody' | 'engine' | 'operator' | 'platform';
  readonly next_actions: readonly { readonly text: string; readonly command: string | null }[];
  readonly others?: readonly { readonly step: string; readonly verdict: string; readonly steps: number }[];
  readonly as_of: string;
}

/** The places at which the steps of a definition are drawn, without units: computed once by the server. */
export interface Layout {
  readonly hash: string;
  readonly layers: number;
  readonly rows: number;
  /** By their ordinals, from 1. */
  readonly steps: readonly { readonly name: string; readonly queue: string; readonly node: number }[];
  readonly nodes: readonly {
    readonly layer: number;
    readonly row: number;
    /** More than one: equal siblings that are drawn as one. */
    readonly steps: number;
    readonly first: number;
  }[];
  /** From, to, and the rows at which it passes the layers between. */
  readonly edges: readonly (readonly number[])[];
}

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

export interface States {
  readonly version: string;
  readonly complete: boolean;
  readonly state: TaskState;
  readonly requested_at: string;
  readonly completed_at: string | null;
  readonly as_of: string;
  readonly steps: readonly StepTuple[];
}

export interface CriticalPath {
  readonly complete: boolean;
  readonly seconds: number;
  readonly path: readonly {
    readonly step: string;
    readonly seconds: number;
    readonly share: number;
    readonly wait: number;
    readonly work: number;
    readonly backoff: number;
    readonly held: number;
  }[];
  readonly totals: { readonly wait: number; readonly work: number; readonly backoff: number; readonly held: number };
  readonly slack: readonly { readonly step: string; readonly seconds: number }[];
}

export interface FailureGroup {
  readonly fingerprint: string;
  readonly name: string;
  readonly message: string | null;
  readonly code?: string;
  readonly namespace: string;
  readonly workflow: string;
  readonly versions: readonly string[];
  readonly step: string;
  readonly steps: number;
  readonly blocked: number;
  readonly first_seen: string;
  readonly last_seen: string;
  readonly sample_task_id: string;
}

export interface Queue {
  readonly queue: string;
  readonly ready: number;
  readonly oldest_ready_seconds: number;
  readonly workers: number;
}

export interface Overview {
  readonly schedulers: number;
  readonly workers: number;
  readonly slots: number;
  readonly busy_slots: number;
  readonly ready: number;
  readonly queues: readonly Queue[];
  readonly as_of: string;
}

export interface FleetProcess {
  readonly worker_id: string;
  readonly role: string;
  readonly name: string;
  readonly version: string;
  readonly queues: readonly string[];
  readonly slots: number;
  readonly busy_slots: number;
  readonly draining: boolean;
  readonly started_at: string;
  readonly silent_seconds: number;
}

export interface WorkflowVersion {
  readonly namespace: string;
  readonly workflow: string;
  readonly version: string;
  readonly registered: boolean;
  readonly pending_tasks: number;
  readonly tasks_in_progress: number;
  readonly tasks_in_error: number;
  readonly workers: readonly string[];
  readonly problems: readonly string[];
}

export interface RunStats {
  readonly namespace: string;
  readonly workflow: string;
  readonly step: string | null;
  readonly runs: number;
  readonly failures: number;
  readonly retries: number;
  readonly waiting_p50: number | null;
  readonly waiting_p95: number | null;
  readonly running_p50: number | null;
  readonly running_p95: number | null;
}

export interface Stats {
  readonly since: string;
  readonly counted_until: string | null;
  readonly items: readonly RunStats[];
}

export interface Me {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly permissions: readonly string[];
  readonly namespaces: readonly string[] | null;
}
