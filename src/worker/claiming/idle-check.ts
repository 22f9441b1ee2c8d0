import type { Database } from '../../db/connections/database.ts';
import { checkIdle } from '../../db/statements/claims/idle-check.ts';
import { quarantineOf } from '../../engine/quarantine.ts';
import type { ClaimReconciler } from './claim-reconciler.ts';
import type { ClaimLedger } from '../scope/claim-ledger.ts';
import type { QuarantineWatch } from '../quarantine/quarantine-watch.ts';

export interface RestLookOptions {
  db: Database;
  queues: readonly string[];
  namedTaskIds: () => readonly number[];
  claims: ClaimLedger;
  workerId: () => string | undefined;
  claimWatch: Pick<ClaimReconciler, 'due' | 'looked' | 'adoptStrays'>;
  quarantine: () => Pick<QuarantineWatch, 'wake' | 'rested'> | undefined;
}

/**
 * What a worker asks now and then while it has nothing to do, in one round trip for all who would ask on their own: whether a
 * claim would find something, whether steps wait in quarantine, whether it has claims that it does not know of.
 */
export function restLook(options: RestLookOptions): () => Promise<boolean> {
  const { db, queues, namedTaskIds, claims, claimWatch } = options;
  const quarantines = queues.map(quarantineOf);
  return async () => {
    const workerId = claimWatch.due ? options.workerId() : undefined;
    const [seen] = await db.run(checkIdle, {
      queues,
      quarantines,
      named_task_ids: namedTaskIds(),
      worker_id: workerId,
      known_claims: workerId === undefined ? [] : claims.known(),
    });
    if (seen?.quarantined === true) options.quarantine()?.wake();
    else options.quarantine()?.rested();
    if (seen?.orphaned === true) void claimWatch.adoptStrays();
    else if (workerId !== undefined) claimWatch.looked();
    return seen?.ready === true;
  };
}
