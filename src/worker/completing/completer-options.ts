import type { Database } from '../../db/connections/database.ts';
import type { ClaimedStep, StepClaim } from '../../engine/claim.ts';
import type { ClaimCursors } from '../scope/claim-cursors.ts';
import type { ClaimLedger } from '../scope/claim-ledger.ts';
import type { Outcome } from '../running/outcome.ts';
import type { StepType } from '../scope/handler-registry.ts';

/** One attempt that has ended here and that the database does not know of yet. */
export interface Ended {
  step: ClaimedStep;
  /** Undefined where this worker does not know the step: it is given back. */
  kind: StepType | undefined;
  outcome: Exclude<Outcome, { kind: 'abandoned' }>;
  /** How long the handler ran. */
  seconds: number;
}

/** The database's answer to one of them. */
export interface Told {
  lost: boolean;
  /** Of a failure: there will be another attempt. */
  willRetry?: boolean;
  /** The database refused every form of this outcome: its step is in progress still, and is to be recovered. */
  givenUp?: boolean;
}

export function claimOf({ step: { taskId, stepId, claimId } }: Ended): StepClaim {
  return { taskId, stepId, claimId };
}

export interface CompleterOptions {
  db: Database;
  workerId: () => string;
  backoffDisabled: boolean;
  /** Where the step says nothing else. */
  backoffCapSeconds: number;
  maxBatch: number;
  /** Whether a claim is under way beside it. */
  claiming: () => boolean;
  queues: readonly string[];
  namedTaskIds: () => readonly number[];
  /** Sets slots aside for children that the completion may claim, of which there are so many; answers how many. */
  reserveSlots: (children: number) => number;
  unreserveSlots: (count: number) => void;
  claims: ClaimLedger;
  cursors: Pick<ClaimCursors, 'chainBounds'>;
  onClaimed: (steps: ClaimedStep[], seconds: number) => void;
  onReady: (queues: Iterable<string>) => void;
  onTold: (ended: Ended, answer: Told) => void;
  onFlushed: (steps: number, seconds: number) => void;
  onTasksEnded: (state: 'complete' | 'error', taskIds: readonly string[]) => void;
  onError: (what: string, error: unknown) => void;
}
