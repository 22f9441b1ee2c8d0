import { randomUUID } from 'node:crypto';
import type { Database, Executor } from '../db/connections/database.ts';
import {
  completeStatement,
  completeStatementByQueue,
  type CompletionRow,
  parseValue,
} from '../db/statements/steps/complete-steps.ts';
import { rangeRow, type ReadyRange } from '../db/statements/claims/ready-ranges.ts';
import type { ClaimedStep, StepClaim } from './claim.ts';
import { LEAST_URGENT } from '../workflow/priority.ts';
import { taskIdOf } from '../workflow/step-id.ts';
import { finalize } from './finalize.ts';
import { byKey, taskRange } from './lock-order.ts';

export interface Completion extends StepClaim {
  /** JSON text that PostgreSQL accepts as jsonb. */
  result: string;
  /** The number of children of the step; if it is given, a batch that fits the claim limit is cheaper. */
  children?: number;
}

/**
 * Which children a completion may claim: none that is less urgent than a ready step of its queue. So the statement finds the most
 * urgent ready step in `ranges`, and a child may be as urgent as that or more; if there is none, as `leastUrgent`.
 */
export interface ChainBounds {
  /** The parts of the queues that are more urgent than the queue's `leastUrgent`. */
  ranges: (ReadyRange & { queue: string })[];
  /** One priority for all queues, or one for each in the order of `queues`. */
  leastUrgent: number | number[];
}

export interface CompleteRequest {
  workerId: string;
  completions: readonly Completion[];
  /** The number of children that become ready and that the worker takes at once, at most; 0 leaves all of them to the queue. */
  claimLimit: number;
  queues: readonly string[];
  namedTaskIds: readonly number[];
  /** Absent: children are claimed whatever waits in their queues. */
  chainBounds?: ChainBounds | undefined;
  closedClaims?: readonly string[];
  claimId?: string;
}

const UNBOUNDED: ChainBounds = { ranges: [], leastUrgent: LEAST_URGENT };

export interface CompleteOutcome {
  /** Step ids whose claim was lost: nothing was written for them. */
  lost: string[];
  claimed: ClaimedStep[];
  /** Children made ready and left to the queue, by queue. */
  ready: Map<string, number>;
  completedTasks: string[];
  /** Tasks that ended in error because nothing of them can progress any more. */
  erroredTasks: string[];
}

/** Ends attempts in `complete`, unlocks the children, and claims as many of them as the worker can run. */
export async function complete(db: Database, request: CompleteRequest): Promise<CompleteOutcome> {
  const claimId = request.claimId ?? randomUUID();
  const batch = byKey(request.completions);
  const children = batch.reduce((sum, step) => sum + (step.children ?? Infinity), 0);
  const { ranges, leastUrgent } = request.chainBounds ?? UNBOUNDED;
  const choice = { children, claimLimit: request.claimLimit, plans: db.plans };
  const params = {
    steps: batch.map(completionRow),
    ...taskRange(batch),
    claim_id: claimId,
    worker_id: request.workerId,
    claim_limit: request.claimLimit,
    queues: request.queues,
    named_task_ids: request.namedTaskIds,
    closed_claims: request.closedClaims ?? [],
    ranges: ranges.map(queueRangeRow),
  };
  const rows =
    typeof leastUrgent === 'number'
      ? await db.run(completeStatement(choice), { ...params, least_urgent: leastUrgent })
      : await db.run(completeStatementByQueue(choice), { ...params, least_urgent: leastUrgent });
  const outcome: CompleteOutcome = { lost: [], claimed: [], ready: new Map(), completedTasks: [], erroredTasks: [] };
  let unfinalized: string[] = [];
  for (const row of rows) {
    if (row.kind === 'ready') outcome.ready.set(row.queue as string, row.ready_steps as number);
    else if (row.ids === null) continue;
    else if (row.kind === 'lost') outcome.lost = row.ids.split(',');
    else if (row.kind === 'task_complete') outcome.completedTasks = row.ids.split(',');
    else if (row.kind === 'finalize') unfinalized = row.ids.split(',');
    else outcome.claimed = claimedChildren(row, claimId);
  }
  if (unfinalized.length > 0) outcome.erroredTasks = await finalize(db, unfinalized);
  return outcome;
}

function completionRow(step: Completion) {
  return { task_id: step.taskId, workflow_step_id: step.stepId, claim_id: step.claimId, results: step.result };
}

function queueRangeRow(range: ChainBounds['ranges'][number]) {
  return { queue: range.queue, ...rangeRow(range) };
}

/** Reads a JSON text in the database as a write would; rejects as that would. */
export async function parseAsJsonb(db: Executor, json: string): Promise<void> {
  await db.run(parseValue, { json });
}

function claimedChildren(row: CompletionRow, claimId: string): ClaimedStep[] {
  const namedTaskIds = (row.named_task_ids as string).split(',');
  const retryLimits = (row.retry_limits as string).split(',');
  return (row.ids as string).split(',').map((stepId, index) => ({
    taskId: taskIdOf(stepId),
    stepId,
    claimId,
    namedTaskId: Number(namedTaskIds[index]),
    // A step is taken by a completion only if nothing ever happened to it.
    attempt: 1,
    retryLimit: Number(retryLimits[index]),
    waitedSeconds: 0,
  }));
}
