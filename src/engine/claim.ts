import { randomUUID } from 'node:crypto';
import type { Executor } from '../db/connections/database.ts';
import { type ClaimedStepRow, claimStatement } from '../db/statements/claims/claim-steps.ts';
import { findEarlierKeys } from '../db/statements/claims/earlier-keys.ts';
import { loadInputs, loadUsed } from '../db/statements/claims/load-inputs.ts';
import { rangeRow, type ReadyRange, WHOLE_QUEUE } from '../db/statements/claims/ready-ranges.ts';

/** What identifies one attempt: every write about it carries the claim id, and changes nothing if the claim was lost. */
export interface StepClaim {
  taskId: string;
  stepId: string;
  claimId: string;
}

/** As statements name an attempt. */
export function attemptRow(step: StepClaim) {
  return { task_id: step.taskId, workflow_step_id: step.stepId, claim_id: step.claimId };
}

export interface ClaimedStep extends StepClaim {
  namedTaskId: number;
  /** 1 for the first. */
  attempt: number;
  retryLimit: number;
  /** Seconds from ready to claimed, by the database clock; 0 for a step claimed by the completion that unlocked it. */
  waitedSeconds: number;
  /** Absent if the step was claimed by a completion: load it with `loadStepInputs`. */
  inputs?: StepInputs;
}

export interface StepInputs {
  /** JSON text of the task's input, or of the step's own. */
  context: string;
  /** True: it is not the input of the task's other steps. */
  ownInput?: boolean;
  /** JSON text of the parents' results by ordinal; null for a root. */
  parents: string | null;
  /** JSON text of the names of the steps that the task does without; null for none. */
  bypassSteps: string | null;
  /** JSON text of the occurrence of a schedule that the task was submitted for; null for none. */
  schedule: string | null;
  /** The task's place in a trace; null: it is not traced. */
  traceContext: string | null;
  /** Identifies the task in every state of the database, which its id does not. */
  identityHash: string;
  /** The step had transitions before this claim: an attempt, or a claim that was released. */
  hasHistory: boolean;
  /** A version before migration 0016 began the step: it keeps that form of idempotency key. */
  hasEarlierKey: boolean;
}

export interface ClaimRequest {
  workerId: string;
  queue: string;
  namedTaskIds: readonly number[];
  limit: number;
  /** Claims all of whose steps have ended: their rows go in the same round trip. */
  closedClaims?: readonly string[];
  claimId?: string;
  /** The parts of the queue to scan, most urgent first; absent: the whole queue. */
  ranges?: readonly ReadyRange[];
  /** Steps that have a history are taken only of tasks from this id on; absent: of every task. */
  lowestTask?: number;
  /** Receives what the scan saw, if the claim took anything. */
  onScan?: (scan: ClaimScan) => void;
}

/** What a claim's scan of ready steps saw. Times in microseconds since 1970, by the database clock. */
export interface ClaimScan {
  /** Transactions with ids below `xmin` had ended when the claim began to scan. */
  xmin: number;
  /** The id of the claim's own transaction, which it got after `nowUs`: so did all transactions with higher ids. */
  xid: number;
  nowUs: number;
  /** The time to find and lock the first step, in milliseconds: it grows with the dead index entries before it. */
  scanMs: number;
  /** Priority and latest time of readiness of the steps that were taken. */
  reached: readonly (readonly [priority: number, readyUs: number])[];
}

/** Takes up to `limit` ready steps of one queue (rounded down to a power of two), most urgent first. */
export async function claim(db: Executor, request: ClaimRequest): Promise<ClaimedStep[]> {
  const claimId = request.claimId ?? randomUUID();
  const rows = await db.run(claimStatement(request.limit, db.plans), {
    claim_id: claimId,
    worker_id: request.workerId,
    queue: request.queue,
    named_task_ids: request.namedTaskIds,
    closed_claims: request.closedClaims ?? [],
    ranges: (request.ranges ?? WHOLE_QUEUE).map(rangeRow),
    lowest_task: request.lowestTask ?? 0,
  });
  const scan = request.onScan === undefined ? undefined : rows.find((row) => row.scan !== null)?.scan;
  if (typeof scan === 'string') request.onScan?.(claimScan(scan));
  return rows.map((row) => claimedStep(row, claimId));
}

function claimScan(text: string): ClaimScan {
  const [xmin, xid, now, scanned, ...reached] = text.split(' ');
  return {
    xmin: Number(xmin),
    xid: Number(xid),
    nowUs: Number(now),
    scanMs: (Number(scanned) - Number(now)) / 1000,
    reached: reached.map((entry) => entry.split('=').map(Number) as [number, number]),
  };
}

export function claimedStep(row: ClaimedStepRow, claimId: string): ClaimedStep {
  return {
    taskId: row.task_id,
    stepId: row.workflow_step_id,
    claimId,
    namedTaskId: row.named_task_id,
    attempt: row.attempts,
    retryLimit: row.retry_limit,
    // The clock may have been set back since the step became ready.
    waitedSeconds: Math.max(row.waited_seconds, 0),
    inputs: {
      context: row.context,
      ownInput: row.own_input === true,
      parents: row.parents,
      bypassSteps: row.bypass_steps,
      schedule: row.schedule,
      traceContext: row.trace_context,
      identityHash: row.identity_hash,
      hasHistory: row.has_history === true,
      hasEarlierKey: false,
    },
  };
}

/**
 * Inputs, by step id, of steps claimed by a completion, which were never attempted before. Steps no longer held under their claim
 * are missing.
 */
export async function loadStepInputs(db: Executor, steps: readonly StepClaim[]): Promise<Map<string, StepInputs>> {
  const rows = await db.run(loadInputs, { steps: steps.map(attemptRow) });
  return new Map(
    rows.map((row) => [
      row.workflow_step_id,
      {
        context: row.context,
        ownInput: row.own_input,
        parents: row.parents,
        bypassSteps: row.bypass_steps,
        schedule: row.schedule,
        traceContext: row.trace_context,
        identityHash: row.identity_hash,
        hasHistory: false,
        hasEarlierKey: false,
      },
    ]),
  );
}

/** The results of the steps with these ordinals in the tasks of claimed steps, as JSON text, by the claimed step and by ordinal. */
export async function loadUsedResults(
  db: Executor,
  using: readonly { step: StepClaim; uses: readonly number[] }[],
): Promise<Map<string, Map<string, string>>> {
  const steps = using.flatMap(({ step, uses }) =>
    uses.map((ordinal) => ({ task_id: step.taskId, workflow_step_id: step.stepId, ordinal })),
  );
  const found = new Map<string, Map<string, string>>();
  for (const row of await db.run(loadUsed, { steps })) {
    const results = found.get(row.workflow_step_id) ?? new Map<string, string>();
    found.set(row.workflow_step_id, results.set(String(row.ordinal), row.results ?? 'null'));
  }
  return found;
}

/** The ids of those of these steps that a version before migration 0016 began: they keep its form of idempotency key. */
export async function stepsWithEarlierKeys(db: Executor, steps: readonly StepClaim[]): Promise<Set<string>> {
  const rows = await db.run(findEarlierKeys, { steps: steps.map(attemptRow) });
  return new Set(rows.map((row) => row.workflow_step_id));
}
