import type { Executor } from '../db/connections/database.ts';
import { listWorkers, type WorkerRow } from '../db/reads/workers.ts';

/** The processes of the fleet, workers and schedulers, the oldest first; those that stopped only if `stopped` is set. */
export function readWorkers(db: Executor, { stopped = false }: { stopped?: boolean } = {}): Promise<WorkerRow[]> {
  return db.run(listWorkers, { stopped });
}
