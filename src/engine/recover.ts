import type { Database } from '../db/database.ts';
import { expireWorkers, recoverSteps } from '../db/statements/recover-steps.ts';
import { settle } from './settle.ts';

export interface RecoverOutcome {
  /** Processes whose lease was ended now. */
  expired: { workerId: string; name: string; role: string }[];
  /** Steps put back in their queue, by queue. */
  recovered: Map<string, number>;
  /** Steps whose lost attempt was their last. */
  blocked: string[];
  erroredTasks: string[];
}

/**
 * Ends the leases of dead processes and returns their steps to the queue. `silentSeconds`: how long a process whose
 * connection is gone must have been silent; one that only stopped renewing has until its lease runs out.
 */
export async function recover(
  db: Database,
  options: { silentSeconds: number; claimLimit?: number },
): Promise<RecoverOutcome> {
  const expired = await db.run(expireWorkers, [options.silentSeconds]);
  const rows = await db.run(recoverSteps, [options.claimLimit ?? 500]);
  const outcome: RecoverOutcome = {
    expired: expired.map((row) => ({ workerId: row.worker_id, name: row.name, role: row.role })),
    recovered: new Map(),
    blocked: [],
    erroredTasks: [],
  };
  const blockedTasks: string[] = [];
  for (const row of rows) {
    if (row.blocked) {
      outcome.blocked.push(row.workflow_step_id);
      blockedTasks.push(row.task_id);
    } else {
      outcome.recovered.set(row.queue, (outcome.recovered.get(row.queue) ?? 0) + 1);
    }
  }
  if (blockedTasks.length > 0) outcome.erroredTasks = await settle(db, blockedTasks);
  return outcome;
}
