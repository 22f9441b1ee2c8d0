import type { Database, Executor } from '../db/connections/database.ts';
import {
  findDeadClaims,
  findRecorded,
  recoverClaimed,
  type RecoveredStepRow,
  recoverSteps,
} from '../db/statements/steps/recover-steps.ts';
import { describeLost } from '../db/statements/steps/traced-steps.ts';
import { expireLeases, findHeartbeats } from '../db/statements/workers/expire-leases.ts';
import { type LostAttempt, traceLost } from '../tracing/ended-spans.ts';
import { loadedTracing } from '../tracing/otel.ts';
import { traceIdsOf } from '../tracing/stored-context.ts';
import { mayFitSmaller } from '../db/connections/sql-errors.ts';
import { inHalves } from './in-halves.ts';
import { finalize } from './finalize.ts';

export interface RecoverOutcome {
  /** Processes whose lease was ended now. */
  expired: { workerId: string; name: string; role: string }[];
  /** Steps put back in their queue, by queue. */
  recovered: Map<string, number>;
  /** The same steps. */
  requeued: LostSteps;
  /** Steps whose lost attempt was their last. */
  blocked: LostSteps;
  erroredTasks: string[];
  /** Why a claim that could not be recovered was left, while the others were. */
  failed?: unknown;
}

/** Steps that a dead process held, with their tasks and the traces of these, each once. */
export interface LostSteps {
  stepIds: string[];
  taskIds: string[];
  traceIds: string[];
}

/** The last heartbeat of a process that has not ended. */
export interface ProcessHeartbeat {
  workerId: string;
  /** Microseconds of the epoch, by the database clock. */
  heartbeatUs: string;
}

/** The last heartbeat of every process that has not ended, and whether there is something for `enqueueDueRetries`. */
export async function pollHeartbeats(db: Executor): Promise<{ heartbeats: ProcessHeartbeat[]; retriesDue: boolean }> {
  const rows = await db.run(findHeartbeats);
  return {
    heartbeats: rows.flatMap(({ worker_id: workerId, heartbeat_us: heartbeatUs }) =>
      workerId === null || heartbeatUs === null ? [] : [{ workerId, heartbeatUs }],
    ),
    retriesDue: rows[0]?.retry_due === true,
  };
}

/**
 * Ends the leases of dead processes and returns their steps to the queue. `silentSeconds`: seconds without a heartbeat
 * after which a process whose connection is gone is dead; one that only stopped renewing has until its lease runs out. `among`: only
 * these may be found dead, and only while this is still their last heartbeat; without it, any. `sweep: false`: the steps of
 * processes that ended before are left to a later call.
 */
export async function recover(
  db: Database,
  options: { silentSeconds: number; claimLimit?: number; among?: readonly ProcessHeartbeat[]; sweep?: boolean },
): Promise<RecoverOutcome> {
  const { among } = options;
  const expired =
    among?.length === 0
      ? []
      : await db.run(expireLeases, {
          silent_seconds: options.silentSeconds,
          worker_ids: among?.map(({ workerId }) => workerId),
          heartbeats_us: among?.map(({ heartbeatUs }) => heartbeatUs),
        });
  const sweeps = options.sweep !== false || expired.length > 0;
  const { rows, failed } = sweeps ? await sweepClaims(db, options.claimLimit ?? 500) : { rows: [], failed: undefined };
  const outcome = await conclude(db, rows);
  outcome.failed ??= failed;
  outcome.expired = expired.map((row) => ({ workerId: row.worker_id, name: row.name, role: row.role }));
  return outcome;
}

/** One claim whose steps cannot be returned does not keep the others from it. */
async function sweepClaims(db: Database, limit: number): Promise<{ rows: RecoveredStepRow[]; failed: unknown }> {
  try {
    return {
      rows: await db.run(recoverSteps, { limit, claim_ids: null }),
      failed: undefined,
    };
  } catch (error) {
    if (!mayFitSmaller(error)) throw error;
    const rows: RecoveredStepRow[] = [];
    const claimIds = (await db.run(findDeadClaims, { limit })).map((row) => row.claim_id);
    const failed = await inHalves(claimIds, async (some) => {
      rows.push(...(await db.run(recoverSteps, { limit: some.length, claim_ids: some })));
    });
    return { rows, failed };
  }
}

/**
 * Returns the steps of these claims to the queue: their worker lives and has given up writing their outcomes. `closed`: the
 * claims that nothing is left of; call again for the others.
 */
export async function recoverClaims(
  db: Database,
  claimIds: readonly string[],
): Promise<{ outcome: RecoverOutcome; closed: string[] }> {
  const outcome = await conclude(db, await db.run(recoverClaimed, { claim_ids: claimIds }));
  const recorded = new Set((await db.run(findRecorded, { claim_ids: claimIds })).map((row) => row.claim_id));
  return { outcome, closed: claimIds.filter((claimId) => !recorded.has(claimId)) };
}

async function conclude(db: Database, rows: readonly RecoveredStepRow[]): Promise<RecoverOutcome> {
  const blocked = lostSteps(rows.filter((row) => row.blocked));
  const outcome: RecoverOutcome = {
    expired: [],
    recovered: new Map(),
    requeued: lostSteps(rows.filter((row) => !row.blocked)),
    blocked,
    erroredTasks: [],
  };
  for (const { queue } of rows.filter((row) => !row.blocked))
    outcome.recovered.set(queue, (outcome.recovered.get(queue) ?? 0) + 1);
  // Before the task ends: the spans of its attempts come first.
  await endSpans(db, rows).catch((error: unknown) => (outcome.failed = error));
  if (blocked.taskIds.length > 0) outcome.erroredTasks = await finalize(db, blocked.taskIds);
  return outcome;
}

function lostSteps(rows: readonly RecoveredStepRow[]): LostSteps {
  return {
    stepIds: rows.map((row) => row.workflow_step_id),
    taskIds: [...new Set(rows.map((row) => row.task_id))],
    traceIds: traceIdsOf(rows.map((row) => row.trace_context)),
  };
}

/** Ends the spans of these attempts: their own process did not. */
async function endSpans(db: Database, rows: readonly RecoveredStepRow[]): Promise<void> {
  const traced = rows.filter((row) => row.trace_context !== null);
  if (traced.length === 0 || (await loadedTracing()) === undefined) return;
  const steps = traced.map(({ task_id, workflow_step_id, worker_id }) => ({ task_id, workflow_step_id, worker_id }));
  const names = new Map((await db.run(describeLost, { steps })).map((row) => [row.workflow_step_id, row]));
  traceLost(
    traced.flatMap((row): LostAttempt[] => {
      const named = names.get(row.workflow_step_id);
      if (named === undefined) return [];
      const { namespace, workflow, version, step, queue } = named;
      return [
        {
          namespace,
          workflow,
          version,
          step,
          queue,
          taskId: row.task_id,
          stepId: row.workflow_step_id,
          attempt: row.attempts,
          claimId: row.claim_id,
          workerId: row.worker_id,
          workerName: named.worker_name,
          startedAt: row.last_attempted_at,
          traceContext: row.trace_context,
        },
      ];
    }),
  );
}
