import { checkIdle } from '../../db/statements/claims/idle-check.ts';
import { quarantineOf } from '../../engine/quarantine.ts';
import type { QuarantineWatch } from '../quarantine/quarantine-watch.ts';
import type { WorkerScope } from '../scope/worker-scope.ts';
import type { ClaimReconciler } from './claim-reconciler.ts';

type Scope = Pick<WorkerScope, 'db' | 'settings' | 'pauses' | 'claims' | 'lease'>;

/**
 * The poll of an idle worker, in one round trip for all parts that poll: whether a claim would find something, whether steps
 * wait in quarantine, whether the database has orphaned claims of this worker.
 */
export class IdleCheck {
  private readonly scope: Scope;
  private queues: readonly string[] = [];
  private quarantines: readonly string[] = [];
  private readonly reconciler: Pick<ClaimReconciler, 'isDue' | 'polledElsewhere' | 'adoptOrphans'>;
  private readonly quarantine: Pick<QuarantineWatch, 'wake' | 'polledElsewhere'>;

  constructor(
    scope: Scope,
    reconciler: Pick<ClaimReconciler, 'isDue' | 'polledElsewhere' | 'adoptOrphans'>,
    quarantine: Pick<QuarantineWatch, 'wake' | 'polledElsewhere'>,
  ) {
    this.scope = scope;
    this.reconciler = reconciler;
    this.quarantine = quarantine;
  }

  async anyReady(): Promise<boolean> {
    const { db, settings, pauses, claims, lease } = this.scope;
    const queues = pauses.openQueues(settings.queues);
    const workerId = this.reconciler.isDue ? lease.current : undefined;
    const [found] = await db.run(checkIdle, {
      queues,
      quarantines: this.quarantinesOf(queues),
      named_task_ids: pauses.openWorkflows,
      worker_id: workerId,
      known_claims: workerId === undefined ? [] : claims.known(),
    });
    if (found?.quarantined === true) this.quarantine.wake();
    else this.quarantine.polledElsewhere();
    if (found?.orphaned === true) void this.reconciler.adoptOrphans();
    else if (workerId !== undefined) this.reconciler.polledElsewhere();
    return found?.ready === true;
  }

  /** Made once for each list of queues, of which there is one while nothing is paused. */
  private quarantinesOf(queues: readonly string[]): readonly string[] {
    if (queues !== this.queues) {
      this.queues = queues;
      this.quarantines = queues.map(quarantineOf);
    }
    return this.quarantines;
  }
}
