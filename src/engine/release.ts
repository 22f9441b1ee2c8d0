import type { Executor } from '../db/connections/database.ts';
import { releaseSteps } from '../db/statements/steps/release-steps.ts';
import { attemptRow, type StepClaim } from './claim.ts';
import { byKey, taskRange } from './lock-order.ts';

/** Gives steps back that were claimed and not run, or aborted, without spending their attempt. */
export async function release(
  db: Executor,
  request: { workerId: string; steps: readonly StepClaim[] },
): Promise<{ released: string[]; lost: string[]; queues: string[] }> {
  const batch = byKey(request.steps);
  const rows = await db.run(releaseSteps, {
    steps: batch.map(attemptRow),
    ...taskRange(batch),
    worker_id: request.workerId,
  });
  const released = new Set(rows.map((row) => row.workflow_step_id));
  return {
    released: [...released],
    lost: batch.filter((step) => !released.has(step.stepId)).map((step) => step.stepId),
    queues: [...new Set(rows.map((row) => row.queue))],
  };
}
