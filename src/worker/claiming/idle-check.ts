import { checkIdle } from '../../db/statements/claims/idle-check.ts';
import { quarantineOf } from '../../engine/quarantine.ts';
import type { QuarantineWatch } from '../quarantine/quarantine-watch.ts';
import type { WorkerScope } from '../scope/worker-scope.ts';
import type { ClaimReconciler } from './claim-reconciler.ts';

type Scope = Pick<WorkerScope, 'db' | 'settings' | 'handlers' | 'claims' | 'lease'>;

/**
 * The poll of an idle worker, in one round trip for all parts that poll: whether a claim would find something, whether steps
 * wait in quarantine, whether the database has orphaned claims of this worker.
 */
export class IdleCheck {
  private readonly scope: Scope;
  private readonly quarantines: readonly string[];
  private readonly reconciler: Pick<ClaimReconciler, 'isDue' | 'polledElsewhere' | 'adoptOrphans'>;
  private readonly quarantine: Pick<QuarantineWatch, 'wake' | 'polledElsewhere'>;

  constructor(
    scope: Scope,
    reconciler: Pick<ClaimReconciler, 'isDue' | 'polledElsewhere' | 'adoptOrphans'>,
    quarantine: Pick<QuarantineWatch, 'wake' | 'polledElsewhere'>,
  ) {
    this.scope = scope;
    this.quarantines = scope.settings.queues.map(quarantineOf);
    this.reconciler = reconciler;
    this.quarantine = quarantine;
  }

  async anyReady(): Promise<boolean> {
    const { db, settings, handlers, claims, lease } = this.scope;
    const workerId = this.reconciler.isDue ? lease.current : undefined;
    const [found] = await db.run(checkIdle, {
      queues: settings.queues,
      quarantines: this.quarantines,
      named_task_ids: handlers.namedTaskIds,
      worker_id: workerId,
      known_claims: workerId === undefined ? [] : claims.known(),
    });
    if (found?.quarantined === true) this.quarantine.wake();
    else this.quarantine.polledElsewhere();
    if (found?.orphaned === true) void this.reconciler.adoptOrphans();
    else if (workerId !== undefined) this.reconciler.polledElsewhere();
    return found?.ready === true;
  }
}
