import type { ClaimedStep, StepClaim, StepInputs } from '../../engine/claim.ts';
import type { Retry } from '../../engine/fail.ts';
import type { AttemptTrace } from '../../tracing/attempt-trace.ts';
import type { StoredError } from '../../workflow/describe-thrown.ts';
import type { StepType } from './handler-registry.ts';

/** The one output of the claiming station: what one claim took. A completion that claimed children has one too. */
export interface Claimed {
  readonly claimId: string;
  /** Empty if a completion claimed them: its children may be in several queues. */
  readonly queue: string;
  readonly steps: readonly ClaimedStep[];
  /** Slots that were reserved for these steps. */
  readonly reserved: number;
  /** How long the statement took. */
  readonly seconds: number;
  /** Claimed by the completion of their parents. */
  readonly chained: boolean;
}

/** How an attempt ended. */
export type Outcome =
  | { kind: 'complete'; result: string }
  | {
      kind: 'fail';
      cause: 'fail' | 'timeout';
      permanent: boolean;
      requestedBackoffSeconds: number | undefined;
      /** The error as the history keeps it. */
      error: StoredError;
      /** JSON text of { error }. */
      metadata: string;
    }
  /** Aborted by a drain: the attempt is given back. */
  | { kind: 'release' }
  /** Its claim was lost: nothing may be written. */
  | { kind: 'abandoned' };

/** The one output of the running station: an attempt that has ended here and whose outcome is unrecorded. */
export interface Ended {
  readonly step: ClaimedStep;
  /** Undefined if this worker has no handler for the step: it is released. */
  readonly type: StepType | undefined;
  readonly outcome: Exclude<Outcome, { kind: 'abandoned' }>;
  /** How long the handler ran. */
  readonly seconds: number;
  /** If its result is one that its children may receive from memory; of the task, not of the step alone. */
  readonly inputsOfTask?: StepInputs | undefined;
  /** If its task is traced. */
  readonly trace?: AttemptTrace | undefined;
}

/** The one output of the completing station: what one statement recorded. */
export interface Recorded {
  /** The attempts that the statement was about. */
  readonly ended: readonly Ended[];
  /** Ids of the steps among them whose claim was lost: nothing was written about those. */
  readonly lost: ReadonlySet<string>;
  /** Of steps that failed, by id; the others have none. */
  readonly retries: ReadonlyMap<string, Retry> | undefined;
  /** The database refused every form of these outcomes: their steps are in progress still, and are to be recovered. */
  readonly givenUp: boolean;
  /** Children that the completion claimed. */
  readonly claimed: Claimed | undefined;
  /** Queues in which steps became ready. */
  readonly readyQueues: readonly string[];
  readonly completedTasks: readonly string[];
  readonly erroredTasks: readonly string[];
}

export const NOTHING_RECORDED: Recorded = {
  ended: [],
  lost: new Set(),
  retries: undefined,
  givenUp: false,
  claimed: undefined,
  readyQueues: [],
  completedTasks: [],
  erroredTasks: [],
};

export function claimOf({ step: { taskId, stepId, claimId } }: Ended): StepClaim {
  return { taskId, stepId, claimId };
}
