import { adopt, orphanedClaims, lostClaims } from '../../engine/claims.ts';
import { recoverClaims } from '../../engine/recover.ts';
import type { Intake } from '../running/intake.ts';
import type { RunningAttempts } from '../running/running-attempts.ts';
import { statementFailed, type WorkerScope } from '../scope/worker-scope.ts';

const DEFAULT_INTERVAL_MS = 2000;
/** Rounds between two searches for orphaned claims while there is no reason to expect any. */
const ROUNDS_BETWEEN_SEARCHES = 5;
/** Rounds in which orphaned claims are expected after a statement failed. */
const EXPECTING_ROUNDS = 30;

type Scope = Pick<WorkerScope, 'db' | 'claims' | 'lease' | 'events' | 'notifier'>;

/**
 * Reconciles claims with the database every 2 s: aborts attempts whose claim was lost, and adopts orphaned claims, those that
 * the database has under our id and whose response never arrived. The latter only every 10 s while nothing runs here and no
 * statement failed in the last minute.
 */
export class ClaimReconciler {
  private readonly scope: Scope;
  private readonly running: RunningAttempts;
  private readonly intake: Pick<Intake, 'run'>;
  private readonly intervalMs: number;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  /** The rounds that have not ended. */
  private rounds: Promise<void> = Promise.resolve();
  private round = 0;
  private searchedAt = 0;
  private expectingUntil = 0;

  constructor(
    scope: Scope,
    running: RunningAttempts,
    intake: Pick<Intake, 'run'>,
    intervalMs: number = DEFAULT_INTERVAL_MS,
  ) {
    this.scope = scope;
    this.running = running;
    this.intake = intake;
    this.intervalMs = intervalMs;
  }

  start(): void {
    if (this.stopped) return;
    this.timer ??= setInterval(() => {
      this.rounds = Promise.all([this.rounds, this.reconcile()]).then(() => undefined);
    }, this.intervalMs).unref();
  }

  /** Resolves when the rounds under way have ended. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.rounds;
  }

  private async reconcile(): Promise<void> {
    const { claims } = this.scope;
    if (claims.takeExpectation()) this.expectingUntil = this.round + EXPECTING_ROUNDS;
    this.round += 1;
    const searches =
      claims.anyOpen || this.round <= this.expectingUntil || this.round - this.searchedAt >= ROUNDS_BETWEEN_SEARCHES;
    await Promise.all([this.abortLost(), this.recoverLeft(), searches ? this.adoptOrphans() : undefined]);
  }

  /** Whether an idle check may search for orphaned claims as well: then no statement of its own is needed for that. */
  get isDue(): boolean {
    return this.round - this.searchedAt >= ROUNDS_BETWEEN_SEARCHES - 2;
  }

  /** An idle check found no orphaned claims. */
  polledElsewhere(): void {
    this.searchedAt = this.round;
  }

  /**
   * Takes up claims whose response never arrived. The search that follows a broken connection is not enough: the statement may
   * commit after it, in a server that was slow, frozen, or waiting for its standby. No other process would ever run those steps,
   * because their worker lives.
   */
  async adoptOrphans(): Promise<void> {
    const { db, claims, lease } = this.scope;
    const workerId = lease.current;
    if (workerId === undefined) return;
    this.searchedAt = this.round;
    try {
      for (const claimId of await orphanedClaims(db, workerId, claims.known())) {
        // Requested, or its response arrived, after the statement was sent.
        if (claims.isKnown(claimId)) continue;
        const steps = await adopt(db, claimId);
        if (steps.length === 0) claims.nothingLeft(claimId);
        else if (!claims.isKnown(claimId)) this.intake.run(steps);
      }
    } catch (error) {
      // If this failed other statements may have, and what it was to find is still there.
      statementFailed(this.scope, 'adopt orphaned claims', error);
    }
  }

  /** Recovers steps whose outcome was given up. No scheduler would while their worker lives. */
  async recoverLeft(): Promise<void> {
    const { db, claims, events, notifier } = this.scope;
    const left = claims.leftToRecovery();
    if (left.length === 0) return;
    try {
      const { outcome, closed } = await recoverClaims(db, left);
      claims.recovered(closed);
      notifier.notify(outcome.recovered.keys());
      if (outcome.erroredTasks.length > 0) events.taskEnded('error', outcome.erroredTasks);
    } catch (error) {
      events.failed('recover steps whose outcome was refused', error);
    }
  }

  private async abortLost(): Promise<void> {
    const { db, events } = this.scope;
    try {
      const lost = await lostClaims(db, this.running.claims(this.intervalMs));
      if (lost.length > 0) this.running.abortSteps(lost, 'claim_lost');
    } catch (error) {
      events.failed('check claims', error);
    }
  }
}
