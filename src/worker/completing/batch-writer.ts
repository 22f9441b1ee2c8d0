import { complete } from '../../engine/complete.ts';
import { fail } from '../../engine/fail.ts';
import { release } from '../../engine/release.ts';
import { lateSdk } from '../../tracing/otel.ts';
import { type Claimed, claimOf, type Ended, NOTHING_RECORDED, type Outcome, type Recorded } from '../scope/outputs.ts';
import type { WorkerScope } from '../scope/worker-scope.ts';
import { ChildClaims } from './child-claims.ts';
import { failedWrite, type FailedWrite } from './failed-writes.ts';

type EndedAs<Kind extends Outcome['kind']> = Ended & { outcome: Extract<Outcome, { kind: Kind }> };

const NOTHING_CLAIMED = { claimId: undefined };

/** Writes the outcomes of a batch, with one statement for each kind of outcome. */
export class BatchWriter {
  private readonly scope: WorkerScope;
  private readonly childClaims: ChildClaims;

  constructor(scope: WorkerScope) {
    this.scope = scope;
    this.childClaims = new ChildClaims(scope);
  }

  /** `failures`: of earlier writes of these outcomes. `backlog`: outcomes that are unrecorded besides these. */
  write(members: readonly Ended[], failures: number, backlog: number): Promise<Recorded | FailedWrite>[] {
    const of = <Kind extends Outcome['kind']>(kind: Kind) =>
      members.filter((ended): ended is EndedAs<Kind> => ended.outcome.kind === kind);
    const completed = of('complete');
    const failed = of('fail');
    const released = of('release');
    const writes: Promise<Recorded | FailedWrite>[] = [];
    if (completed.length > 0) writes.push(this.complete(completed, failures, backlog));
    if (failed.length > 0) writes.push(this.fail(failed, failures));
    if (released.length > 0) writes.push(this.release(released, failures));
    return writes;
  }

  private async complete(
    batch: readonly EndedAs<'complete'>[],
    failures: number,
    backlog: number,
  ): Promise<Recorded | FailedWrite> {
    const { db, settings, pauses, lease, slots, claims } = this.scope;
    const sdk = lateSdk();
    if (sdk !== undefined) await sdk;
    const chainBounds = this.childClaims.bounds();
    const children = chainBounds === undefined ? 0 : batch.reduce((sum, ended) => sum + childrenOf(ended), 0);
    const reserved = this.childClaims.reserve(children, backlog);
    const closedClaims = claims.takeClosed();
    const claimId = claims.requested();
    const started = performance.now();
    try {
      const outcome = await complete(db, {
        // Outcomes of attempts that ended while the worker registers again are written too: the claim id decides, not the worker id.
        workerId: lease.last,
        completions: batch.map((ended) => ({
          taskId: ended.step.taskId,
          stepId: ended.step.stepId,
          claimId: ended.step.claimId,
          result: ended.outcome.result,
          children: childrenOf(ended),
        })),
        claimLimit: reserved,
        ...pauses.openChain(settings.queues, chainBounds),
        closedClaims,
        claimId,
      });
      const steps = outcome.claimed;
      slots.unreserve(reserved - steps.length);
      let claimed: Claimed | undefined;
      if (steps.length > 0) {
        const seconds = (performance.now() - started) / 1000;
        claimed = { claimId, queue: '', steps, reserved: steps.length, seconds, chained: true };
      } else claims.responded(claimId);
      return {
        ended: batch,
        lost: new Set(outcome.lost),
        retries: undefined,
        givenUp: false,
        claimed,
        readyQueues: [...outcome.ready.keys()],
        completedTasks: outcome.completedTasks,
        erroredTasks: outcome.erroredTasks,
      };
    } catch (error) {
      slots.unreserve(reserved);
      claims.restoreClosed(closedClaims);
      return failedWrite(this.scope, 'complete', { members: batch, failures, unknown: { claimId } }, error);
    }
  }

  private async fail(batch: readonly EndedAs<'fail'>[], failures: number): Promise<Recorded | FailedWrite> {
    const { db, settings, lease } = this.scope;
    try {
      const { failed, lost, erroredTasks } = await fail(db, {
        workerId: lease.last,
        failures: batch.map((ended) => {
          const { cause, permanent, requestedBackoffSeconds, metadata } = ended.outcome;
          return {
            ...claimOf(ended),
            cause,
            permanent,
            requestedBackoffSeconds,
            metadata,
            backoffCapSeconds: ended.type?.backoffCapSeconds ?? settings.backoffCapSeconds,
            backoffInitialSeconds: ended.type?.backoffInitialSeconds,
          };
        }),
        backoffDisabled: settings.retryBackoffDisabled,
      });
      return { ...NOTHING_RECORDED, ended: batch, lost: new Set(lost), retries: failed, erroredTasks };
    } catch (error) {
      return failedWrite(this.scope, 'fail', { members: batch, failures, unknown: NOTHING_CLAIMED }, error);
    }
  }

  private async release(batch: readonly Ended[], failures: number): Promise<Recorded | FailedWrite> {
    const { db, lease } = this.scope;
    try {
      const { lost, queues } = await release(db, { workerId: lease.last, steps: batch.map(claimOf) });
      return { ...NOTHING_RECORDED, ended: batch, lost: new Set(lost), readyQueues: queues };
    } catch (error) {
      return failedWrite(this.scope, 'release', { members: batch, failures, unknown: NOTHING_CLAIMED }, error);
    }
  }
}

function childrenOf({ type }: Ended): number {
  return type?.template.childOrdinals.length ?? 0;
}
