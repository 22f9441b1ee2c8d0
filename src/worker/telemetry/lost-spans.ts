import { wasRecovered } from '../../engine/claims.ts';
import type { StepClaim } from '../../engine/claim.ts';
import type { AttemptTrace } from '../../tracing/attempt-trace.ts';
import type { WorkerScope } from '../scope/worker-scope.ts';

/**
 * Ends the span of an attempt whose claim was lost. If a scheduler has taken its process for dead, the scheduler has ended the attempt in
 * the trace, and this span is left: one that is not ended is not exported. Otherwise an operator took the step away, and it ends here.
 */
export async function endLost(
  { db, events }: Pick<WorkerScope, 'db' | 'events'>,
  trace: AttemptTrace,
  step: StepClaim,
): Promise<void> {
  try {
    if (await wasRecovered(db, step)) return;
    trace.end({ outcome: 'lost', cause: 'claim_lost' });
  } catch (error) {
    events.failed('trace a lost claim', error);
  }
}
