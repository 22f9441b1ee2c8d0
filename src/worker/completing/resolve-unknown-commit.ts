import { adopt, endedAttempts } from '../../engine/claims.ts';
import { type Claimed, claimOf, type Ended, NOTHING_RECORDED, type Recorded } from '../scope/outputs.ts';
import type { WorkerScope } from '../scope/worker-scope.ts';
import type { Batch } from './batch.ts';

/**
 * A write of this batch failed and may have committed all the same. Finds out which outcomes it recorded, and takes up the children
 * that it claimed; `members` are left to be written. Rejects if the database cannot be reached.
 */
export async function resolveUnknownCommit(
  { db, claims }: WorkerScope,
  { members, unknown }: Batch,
): Promise<{ recorded: Recorded; members: readonly Ended[] }> {
  const known = await endedAttempts(db, members.map(claimOf));
  const claimId = unknown?.claimId;
  let claimed: Claimed | undefined;
  if (claimId !== undefined) {
    const steps = known.size > 0 ? await adopt(db, claimId) : [];
    // No slots were kept reserved for them.
    if (steps.length > 0) claimed = { claimId, queue: '', steps, reserved: 0, seconds: 0, chained: true };
    else claims.responded(claimId);
  }
  return {
    recorded: { ...NOTHING_RECORDED, ended: members.filter((ended) => known.has(ended.step.stepId)), claimed },
    members: members.filter((ended) => !known.has(ended.step.stepId)),
  };
}
