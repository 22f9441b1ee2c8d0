import type { Executor } from '../db/database.ts';
import { pruneScalingSignals } from '../db/statements/queue-scaling.ts';
import { pruneActivity } from '../db/statements/worker-activity.ts';
import { pruneWorkflows } from '../db/statements/worker-workflows.ts';
import { deregisterWorker, findLostClaims, pruneWorkers, registerWorker } from '../db/statements/workers.ts';
import type { StepClaim } from './claim.ts';

export interface ProcessRegistration {
  role: 'worker' | 'scheduler';
  /** For people: host name and process id. */
  name: string;
  version: string;
  queues: readonly string[];
  slots: number;
  leaseSeconds: number;
  /** Key of the advisory lock that the process holds on a connection of its own, as decimal text. */
  sessionLock: string | null;
}

/** Enters a process in the fleet; answers its id. Its lease runs from now. */
export async function register(db: Executor, process: ProcessRegistration): Promise<string> {
  const [row] = await db.run(registerWorker, [
    process.role,
    process.name,
    process.version,
    process.queues,
    process.slots,
    process.leaseSeconds,
    process.sessionLock,
  ]);
  return (row as { worker_id: string }).worker_id;
}

/** Leaves the fleet after a drain. Safe to repeat. */
export async function deregister(db: Executor, workerId: string): Promise<void> {
  await db.run(deregisterWorker, [workerId]);
}

/** Of these claims, those that the database has taken away (cancelled task, ended lease), by step id. */
export async function lostClaims(db: Executor, steps: readonly StepClaim[]): Promise<string[]> {
  if (steps.length === 0) return [];
  const rows = await db.run(findLostClaims, [
    steps.map((step) => step.taskId),
    steps.map((step) => step.stepId),
    steps.map((step) => step.claimId),
  ]);
  return rows.map((row) => row.workflow_step_id);
}

/** Forgets processes that stopped more than `hours` ago, with what they reported; answers how many. */
export async function prune(db: Executor, hours: number): Promise<number> {
  const pruned = await db.run(pruneWorkers, [hours]);
  await db.run(pruneActivity);
  await db.run(pruneWorkflows);
  await db.run(pruneScalingSignals);
  return pruned.length;
}
