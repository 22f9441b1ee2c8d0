import { claim } from '../../engine/claim.ts';
import { lateSdk } from '../../tracing/otel.ts';
import type { Intake } from '../running/intake.ts';
import type { WorkerScope } from '../scope/worker-scope.ts';

/** Runs quarantined steps in the worker itself, if no process of its own can be started for them: one at a time. */
export class QuarantineRunner {
  private readonly scope: WorkerScope;
  private readonly intake: Pick<Intake, 'run'>;
  private claimId = '';

  constructor(scope: WorkerScope, intake: Pick<Intake, 'run'>) {
    this.scope = scope;
    this.intake = intake;
  }

  /** Claims one step of the quarantine queue, unless the one before it still runs. */
  async run(queue: string): Promise<void> {
    await lateSdk();
    const { db, lease, state, slots, claims, pauses } = this.scope;
    const workerId = lease.current;
    // It may have been paused while the steps of another queue ran.
    if (workerId === undefined || state.draining || claims.isOpen(this.claimId) || !pauses.isOpen(queue)) return;
    const granted = slots.reserve(1);
    if (granted === 0) return;
    // Also if the response never arrives: what it claimed is adopted then, and counts as the one step.
    const claimId = claims.requested();
    this.claimId = claimId;
    try {
      this.intake.run(await claim(db, { workerId, queue, namedTaskIds: pauses.openWorkflows, limit: 1, claimId }));
    } finally {
      claims.responded(claimId);
      slots.unreserve(granted);
    }
  }
}
