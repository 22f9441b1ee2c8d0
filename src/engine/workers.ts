import { randomBytes } from 'node:crypto';
import type { Executor } from '../db/connections/database.ts';
import { FIRST_RANDOM_WORKER_ID } from '../db/statements/claims/earlier-keys.ts';
import { pruneQueueSamples } from '../db/statements/scaling/queue-samples.ts';
import { pruneScalingSignals } from '../db/statements/scaling/queue-scaling.ts';
import { pruneActivity } from '../db/statements/workers/worker-activity.ts';
import { pruneWorkflows } from '../db/statements/workflows/worker-workflows.ts';
import { deregisterWorker, pruneWorkers, registerWorker } from '../db/statements/workers/workers.ts';
import type { WorkflowName } from '../workflow/definition.ts';

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
  /** Of a scheduler: which archive it has (`archiveAddress`). */
  archive?: string | undefined;
}

/** What a process has in memory of the database that it joins. */
export interface KnownState {
  installationId: string | null;
  workflows: readonly (WorkflowName & { namedTaskId: number })[];
}

/**
 * Random, so that no id is given out twice. After a restore or a failover that lost commits a sequence would give the id of a
 * living process to another one: the first would renew the second's lease and adopt its claims.
 */
function newWorkerId(): string {
  return (FIRST_RANDOM_WORKER_ID + (randomBytes(8).readBigUInt64BE() & (FIRST_RANDOM_WORKER_ID - 1n))).toString();
}

/** A process that has a place in the fleet. */
export interface Registered {
  workerId: string;
  /** What is paused at this moment (PAUSES_TEXT). */
  pauses: string | null;
}

/** Registers a process. Its lease runs from now. Undefined if the database differs from what it knows: read it again and retry. */
export async function registerIn(
  db: Executor,
  process: ProcessRegistration,
  known: KnownState,
): Promise<Registered | undefined> {
  const [row] = await db.run(registerWorker, {
    worker_id: newWorkerId(),
    role: process.role,
    name: process.name,
    version: process.version,
    queues: process.queues,
    slots: process.slots,
    lease_seconds: process.leaseSeconds,
    session_lock: process.sessionLock,
    archive: process.archive,
    installation_id: known.installationId,
    workflows: known.workflows.map(({ namedTaskId, ...workflow }) => ({ ...workflow, named_task_id: namedTaskId })),
  });
  return row && { workerId: row.worker_id, pauses: row.pauses };
}

/** Leaves the fleet after a drain. Safe to repeat. */
export async function deregister(db: Executor, workerId: string): Promise<void> {
  await db.run(deregisterWorker, { worker_id: workerId });
}

/** Deletes processes that stopped more than `hours` ago, with what they reported; returns their number. */
export async function prune(db: Executor, hours: number): Promise<number> {
  const pruned = await db.run(pruneWorkers, { hours });
  await db.run(pruneActivity);
  await db.run(pruneWorkflows);
  await db.run(pruneScalingSignals);
  await db.run(pruneQueueSamples);
  return pruned.length;
}
