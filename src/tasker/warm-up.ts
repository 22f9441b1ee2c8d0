import type { Executor } from '../db/connections/database.ts';
import { claim } from '../engine/claim.ts';
import { findStepsOfTasks } from '../db/reads/watched-tasks.ts';
import { submitTasks } from '../db/statements/tasks/submit-tasks.ts';
import type { Beginning } from './begin.ts';

/**
 * Runs the statement of a submit once, for no tasks. The first run of a statement in a session takes several times as long as any other, since
 * the server parses it and reads its catalogues; here that happens while worker and scheduler join the fleet.
 */
export async function warmUpSubmit(db: Executor): Promise<void> {
  await db.run(submitTasks, { tasks: [], namespace: undefined, name: undefined, version: undefined });
}

/** The same for the second statement of a wait, while the first step is claimed and runs. The first one runs before anything has ended. */
export async function warmUpWait(db: Executor): Promise<void> {
  await db.run(findStepsOfTasks, { tasks: [] });
}

/** The same for a claim of the worker, of no step in no queue, before the worker joins. */
export async function warmUpClaim({ databases, config }: Pick<Beginning, 'databases' | 'config'>): Promise<void> {
  const { slots, claimBatch } = config.worker;
  await claim(databases.worker.db, { workerId: '0', queue: '', namedTaskIds: [], limit: Math.min(slots, claimBatch) });
}
