import { randomUUID } from 'node:crypto';
import type { Database } from '../db/database.ts';
import { completeSteps } from '../db/statements/complete-steps.ts';
import type { ClaimedStep, StepClaim } from './claim.ts';
import { settle } from './settle.ts';

export interface Completion extends StepClaim {
  /** JSON text that PostgreSQL accepts as jsonb. */
  result: string;
}

export interface CompleteRequest {
  workerId: string;
  completions: readonly Completion[];
  /** How many of the children that become ready the worker takes at once; 0 leaves all of them to the queue. */
  claimLimit: number;
  queues: readonly string[];
  namedTaskIds: readonly number[];
  closedClaims?: readonly string[];
  claimId?: string;
}

export interface CompleteOutcome {
  /** Step ids whose claim was lost: nothing was written for them. */
  lost: string[];
  claimed: ClaimedStep[];
  /** Children made ready and left to the queue, by queue. */
  ready: Map<string, number>;
  completedTasks: string[];
  /** Tasks that ended in error because this was the last thing they could do. */
  erroredTasks: string[];
}

/** Ends attempts in `complete`, unlocks the children, and claims as many of them as the worker can run. */
export async function complete(db: Database, request: CompleteRequest): Promise<CompleteOutcome> {
  const claimId = request.claimId ?? randomUUID();
  const batch = byKey(request.completions);
  const rows = await db.run(completeSteps, [
    batch.map((step) => step.taskId),
    batch.map((step) => step.stepId),
    batch.map((step) => step.claimId),
    batch.map((step) => step.result),
    claimId,
    request.workerId,
    request.claimLimit,
    request.queues,
    request.namedTaskIds,
    request.closedClaims ?? [],
  ]);
  const outcome: CompleteOutcome = { lost: [], claimed: [], ready: new Map(), completedTasks: [], erroredTasks: [] };
  const unsettled: string[] = [];
  for (const row of rows) {
    if (row.kind === 'lost') outcome.lost.push(row.workflow_step_id as string);
    else if (row.kind === 'ready') outcome.ready.set(row.queue as string, row.ready_steps as number);
    else if (row.kind === 'task_complete') outcome.completedTasks.push(row.task_id as string);
    else if (row.kind === 'settle') unsettled.push(row.task_id as string);
    else {
      outcome.claimed.push({
        taskId: row.task_id as string,
        stepId: row.workflow_step_id as string,
        claimId,
        namedTaskId: row.named_task_id as number,
        attempt: row.attempts as number,
        retryLimit: row.retry_limit as number,
        waitedSeconds: 0,
      });
    }
  }
  if (unsettled.length > 0) outcome.erroredTasks = await settle(db, unsettled);
  return outcome;
}

/** By task and step: the order in which every statement locks step rows. */
export function byKey<T extends StepClaim>(steps: readonly T[]): T[] {
  return steps.toSorted((a, b) => compareIds(a.stepId, b.stepId));
}

/** Step ids begin with the task's id, so one comparison orders by both. Decimal strings of equal length compare as text. */
function compareIds(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}
