import type { Backoff } from '../../backoff.ts';
import { isOutcomeUnknown } from '../../db/connections/sql-errors.ts';
import { WHOLE_QUEUE } from '../../db/statements/claims/ready-ranges.ts';
import { claim, type ClaimedStep, type ClaimScan } from '../../engine/claim.ts';
import { adopt } from '../../engine/claims.ts';
import { MAX_UNRECORDED } from '../completing/backpressure.ts';
import type { Completer } from '../completing/completer.ts';
import type { Intake } from '../running/intake.ts';
import type { Claimed } from '../scope/outputs.ts';
import { statementFailed, type WorkerScope } from '../scope/worker-scope.ts';
import { HistoryBounds } from './history-bounds.ts';

/** What one claim found. */
interface Found {
  count: number;
  /** As many as were asked for: there is probably more. */
  full: boolean;
  /** When a claim may find steps that the claim cursor has passed; Infinity: not before the next poll. */
  moreInMs: number;
}

/** Claims steps of one queue at a time and delivers each claim to the intake, as one `Claimed`. */
export class QueueClaims {
  private readonly scope: WorkerScope;
  private readonly intake: Pick<Intake, 'accept'>;
  private readonly completer: Pick<Completer, 'backlog'>;
  /** Between two tries while the database is away. */
  private readonly backoff: Backoff;
  private readonly history = new HistoryBounds();
  private stopping = false;
  /** Steps that were claimed and are delivered after the next claim was sent. */
  private undelivered = 0;

  constructor(
    scope: WorkerScope,
    parts: { intake: Pick<Intake, 'accept'>; completer: Pick<Completer, 'backlog'>; backoff: Backoff },
  ) {
    this.scope = scope;
    this.intake = parts.intake;
    this.completer = parts.completer;
    this.backoff = parts.backoff;
  }

  /** Whether more may be claimed: few enough outcomes are unrecorded. */
  get hasRoom(): boolean {
    return this.completer.backlog + this.undelivered < MAX_UNRECORDED;
  }

  /** The claim that is under way is the last one. */
  stop(): void {
    this.stopping = true;
  }

  /** Resolves when every claim is delivered; for after the last one. */
  async delivered(): Promise<void> {
    // Deliveries are made in turn: after this one there is none left.
    if (this.undelivered > 0) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Claims up to `granted` steps; as many slots are reserved for them. */
  async claim(queue: string, granted: number): Promise<Found> {
    const { db, pauses, lease, slots, claims, cursors, signal } = this.scope;
    const workerId = lease.current;
    if (workerId === undefined) {
      slots.unreserve(granted);
      return { count: 0, full: false, moreInMs: Infinity };
    }
    const closedClaims = claims.takeClosed();
    const claimId = claims.requested();
    const cursor = cursors.of(queue);
    const started = performance.now();
    const ranges = cursor.ranges(started);
    const whole = ranges === WHOLE_QUEUE;
    let scan: ClaimScan | undefined;
    let steps: ClaimedStep[] = [];
    try {
      signal.claiming = true;
      steps = await claim(db, {
        workerId,
        queue,
        namedTaskIds: pauses.openWorkflows,
        limit: granted,
        closedClaims,
        claimId,
        ranges,
        lowestTask: this.history.lowestTask(queue, whole, started),
        onScan: (seen) => (scan = seen),
      });
    } catch (error) {
      claims.restoreClosed(closedClaims);
      if (!isOutcomeUnknown(error)) {
        slots.unreserve(granted);
        claims.responded(claimId);
        throw error;
      }
      statementFailed(this.scope, 'claim', error);
      steps = await this.adoptLater(claimId);
    } finally {
      signal.claiming = false;
    }
    const ms = performance.now() - started;
    const full = steps.length > 0 && steps.length >= 2 ** Math.floor(Math.log2(granted));
    this.history.claimed(steps);
    cursor.claimed({ whole, full, scan, startedAtMs: started, ms });
    slots.unreserve(granted - steps.length);
    const claimed: Claimed = { claimId, queue, steps, reserved: steps.length, seconds: ms / 1000, chained: false };
    if (full && this.canClaimAnother(granted)) this.deliverAfterNext(claimed);
    else this.intake.accept(claimed);
    // Behind the cursor there may be more: the next scan of the whole queue finds it.
    return { count: steps.length, full, moreInMs: full || whole ? Infinity : cursor.untilWholeScan(performance.now()) };
  }

  /**
   * Whether a claim as large as the last is sent at once, whatever that has brought. It is sent first then: the database works on
   * it while the steps of the last one start, which takes as long as a third of a claim when hundreds of handlers end at once.
   */
  private canClaimAnother(granted: number): boolean {
    return !this.stopping && this.hasRoom && this.scope.slots.free >= granted;
  }

  private deliverAfterNext(claimed: Claimed): void {
    this.undelivered += claimed.steps.length;
    setImmediate(() => {
      this.undelivered -= claimed.steps.length;
      this.intake.accept(claimed);
    });
  }

  /**
   * The connection broke under a claim: if it committed, its steps are ours and no other worker will run them. If it has not
   * committed yet it still may; the claim reconciler finds such orphans.
   */
  private async adoptLater(claimId: string): Promise<ClaimedStep[]> {
    for (;;) {
      await this.scope.signal.sleep(this.backoff.next());
      try {
        return await adopt(this.scope.db, claimId);
      } catch (error) {
        statementFailed(this.scope, 'adopt a claim', error);
        if (this.stopping) return [];
      }
    }
  }
}
