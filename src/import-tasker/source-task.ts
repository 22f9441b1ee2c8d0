/** A task as Tasker (Ruby) stored it. Times are microseconds since 1970, JSON is text: both exactly as in the database. */

export interface SourceTransition {
  readonly sortKey: number;
  readonly to: string;
  readonly mostRecent: boolean;
  readonly at: number;
  readonly metadata: string | null;
}

export interface SourceStep {
  readonly id: string;
  /** As there: it may be no legal name here. */
  readonly name: string;
  readonly retryable: boolean;
  readonly retryLimit: number | null;
  readonly attempts: number | null;
  readonly inProcess: boolean;
  readonly processed: boolean;
  readonly processedAt: number | null;
  readonly lastAttemptedAt: number | null;
  readonly backoffSeconds: number | null;
  readonly inputs: string | null;
  readonly results: string | null;
  readonly skippable: boolean;
  /** Of releases before 2.0, which have no transitions. */
  readonly status: string | null;
  readonly history: readonly SourceTransition[];
  /** Ids of its parents; those that are no step of this task stand in `SourceTask.outside`. */
  readonly parents: readonly string[];
}

export interface SourceTask {
  readonly id: string;
  readonly namedTaskId: number;
  readonly complete: boolean;
  readonly requestedAt: number | null;
  readonly initiator: string | null;
  readonly sourceSystem: string | null;
  readonly reason: string | null;
  readonly bypassSteps: string | null;
  readonly tags: string | null;
  readonly context: string | null;
  readonly identityHash: string;
  /** What --identity finds in the context; null: nothing that can be a key. Undefined: --identity does not name its workflow. */
  readonly key: string | null | undefined;
  readonly status: string | null;
  readonly history: readonly SourceTransition[];
  readonly steps: readonly SourceStep[];
  readonly annotations: readonly { readonly name: string; readonly annotation: string | null }[];
  /** Edges to its steps from steps of other tasks. */
  readonly outside: number;
  /** Edges to its steps whose other end does not exist. */
  readonly orphans: number;
  /** Edges of another name than `provides`. */
  readonly otherEdges: number;
}

/** The newest transition by its sort key: what Tasker (Ruby) means even if another one is marked as the most recent. */
export const newestOf = (history: readonly SourceTransition[]): SourceTransition | undefined => history.at(-1);
