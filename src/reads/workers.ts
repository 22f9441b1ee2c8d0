import type { Executor } from '../db/connections/database.ts';
import {
  findWorker,
  type HeldStepRow,
  type LeasedWorkerRow,
  listHeldBy,
  listServedBy,
  type ServedVersionRow,
} from '../db/reads/worker-details.ts';
import { listWorkers, type WorkerRow } from '../db/reads/workers.ts';

/** Steps that are shown of one process. */
const MOST_STEPS = 200;

/** One process of the fleet: its lease, what it can run, and what it holds. */
export interface WorkerDetails extends LeasedWorkerRow {
  /** The workflow versions that it has handlers for. */
  serves: Omit<ServedVersionRow, 'problem'>[];
  /** Those that it has and refuses, and why. */
  refuses: (ServedVersionRow & { problem: string })[];
  /** What it has claimed and not ended, the oldest claim first: it runs, or waits for a slot of the process. */
  steps: HeldStepRow[];
  /** False: it holds more steps than these. */
  complete: boolean;
}

/** The processes of the fleet, workers and schedulers, the oldest first; those that stopped only if `stopped` is set. */
export function readWorkers(db: Executor, { stopped = false }: { stopped?: boolean } = {}): Promise<WorkerRow[]> {
  return db.run(listWorkers, { stopped });
}

/** One of them, also one that stopped and is still on record; undefined if there is none. */
export async function readWorker(db: Executor, workerId: string): Promise<WorkerDetails | undefined> {
  const [worker] = await db.run(findWorker, { worker_id: workerId });
  if (worker === undefined) return undefined;
  const versions = await db.run(listServedBy, { worker_id: workerId });
  const steps = await db.run(listHeldBy, { worker_id: workerId, limit: MOST_STEPS + 1 });
  return {
    ...worker,
    serves: versions
      .filter(({ problem }) => problem === null)
      .map(({ namespace, workflow, version }) => ({ namespace, workflow, version })),
    refuses: versions.filter((each): each is ServedVersionRow & { problem: string } => each.problem !== null),
    steps: steps.slice(0, MOST_STEPS),
    complete: steps.length <= MOST_STEPS,
  };
}
