import { randomUUID } from 'node:crypto';
import { isOutcomeUnknown, isSchemaMismatch, isUnavailable, sqlState } from '../db/sql-errors.ts';
import { adopt, type ClaimedStep, endedAttempts } from '../engine/claim.ts';
import { complete, type CompleteOutcome } from '../engine/complete.ts';
import { fail } from '../engine/fail.ts';
import { release } from '../engine/release.ts';
import { Reconnect } from './backoff.ts';
import type { Ended, FlusherOptions, Told } from './flusher-options.ts';
import { inFewerCharacters, type Outcome } from './outcome.ts';

const REFUSED =
  '{"error":{"name":"UnstorableResult","message":"the database refused to store the outcome of this attempt';

/** Tells everybody here what the database answered to one statement. */
type Answer = () => void;

const LOST: Told = { lost: true };
const WRITTEN: Told = { lost: false };

/**
 * At most two at a time: while one waits for the server the next one fills. One while a claim is under way: what three of our
 * sessions do at once costs PostgreSQL an eighth more than what two do, and is done no sooner.
 */
const MAX_IN_FLIGHT = 2;

/**
 * Tells the database how attempts ended, in batches made of whatever is waiting: no timer, so an idle worker's single
 * completion leaves at once and a busy worker's batches grow with its load.
 */
export class Flusher {
  private readonly options: FlusherOptions;
  private readonly reconnect = new Reconnect();
  private waiting: Ended[] = [];
  private inFlight = 0;
  /** Batches that the database has answered, and whose answers wait for the next batch to leave. */
  private unheard = 0;
  private scheduled = false;
  private pausedUntil: Promise<void> | undefined;
  private emptyWaiters: (() => void)[] = [];

  constructor(options: FlusherOptions) {
    this.options = options;
  }

  get size(): number {
    return this.waiting.length;
  }

  add(ended: Ended): void {
    this.waiting.push(ended);
    this.schedule();
  }

  /** Resolves when the database knows of everything that ended so far, and everybody here what it answered. */
  async drained(): Promise<void> {
    if (this.isDrained) return;
    await new Promise<void>((resolve) => this.emptyWaiters.push(resolve));
  }

  private get isDrained(): boolean {
    return this.waiting.length === 0 && this.inFlight === 0 && this.unheard === 0;
  }

  private get mayFlush(): boolean {
    const most = this.options.claiming() ? MAX_IN_FLIGHT - 1 : MAX_IN_FLIGHT;
    return this.inFlight < most && this.pausedUntil === undefined;
  }

  private schedule(): void {
    if (this.scheduled || !this.mayFlush) return;
    this.scheduled = true;
    // After the current round of callbacks, so that handlers which end together are told together.
    setImmediate(() => {
      this.scheduled = false;
      if (this.waiting.length > 0) void this.flush();
    });
  }

  private async flush(): Promise<void> {
    const batch = this.waiting.splice(0, this.options.maxBatch);
    this.inFlight += 1;
    if (this.waiting.length > 0) this.schedule();
    const started = performance.now();
    let answers: (Answer | undefined)[] = [];
    try {
      const of = <K extends Outcome['kind']>(kind: K) =>
        batch.filter(
          (ended): ended is Ended & { outcome: Extract<Outcome, { kind: K }> } => ended.outcome.kind === kind,
        );
      answers = await Promise.all([this.complete(of('complete')), this.fail(of('fail')), this.release(of('release'))]);
    } finally {
      this.inFlight -= 1;
      this.unheard += 1;
    }
    const seconds = (performance.now() - started) / 1000;
    const hear = (): void => {
      this.unheard -= 1;
      for (const answer of answers) answer?.();
      this.options.onFlushed(batch.length, seconds);
      if (this.waiting.length > 0) this.schedule();
      else if (this.isDrained) for (const resolve of this.emptyWaiters.splice(0)) resolve();
    };
    // The database has the next batch to work on while we go through what it answered to this one.
    if (this.waiting.length === 0 || !this.mayFlush) return hear();
    if (!this.scheduled) void this.flush();
    setImmediate(hear);
  }

  private async complete(batch: readonly (Ended & { outcome: { kind: 'complete' } })[]): Promise<Answer | undefined> {
    if (batch.length === 0) return undefined;
    const { options } = this;
    const chainBounds = options.cursors.chainBounds();
    const children = chainBounds === undefined ? 0 : batch.reduce((sum, ended) => sum + childrenOf(ended), 0);
    const reserved = options.reserveSlots(children);
    const closedClaims = options.claims.takeClosed();
    const claimId = randomUUID();
    options.claims.asking(claimId);
    const started = performance.now();
    try {
      const outcome = await complete(options.db, {
        workerId: options.workerId(),
        completions: batch.map((ended) => ({
          taskId: ended.step.taskId,
          stepId: ended.step.stepId,
          claimId: ended.step.claimId,
          result: ended.outcome.result,
          children: childrenOf(ended),
        })),
        claimLimit: reserved,
        queues: options.queues,
        namedTaskIds: options.namedTaskIds(),
        chainBounds,
        closedClaims,
        claimId,
      });
      const seconds = (performance.now() - started) / 1000;
      const held = outcome.claimed.length;
      options.unreserveSlots(reserved - held);
      return () => {
        options.unreserveSlots(held);
        this.told(batch, new Set(outcome.lost));
        this.report(outcome, seconds);
        options.claims.answered(claimId);
      };
    } catch (error) {
      options.unreserveSlots(reserved);
      options.claims.untake(closedClaims);
      await this.afterFailure('complete', batch, error, claimId).finally(() => options.claims.answered(claimId));
      return undefined;
    }
  }

  private report(outcome: CompleteOutcome, seconds: number): void {
    const { options } = this;
    this.reconnect.succeeded();
    if (outcome.claimed.length > 0) options.onClaimed(outcome.claimed, seconds);
    if (outcome.ready.size > 0) options.onReady(outcome.ready.keys());
    if (outcome.completedTasks.length > 0) options.onTasksEnded('complete', outcome.completedTasks);
    if (outcome.erroredTasks.length > 0) options.onTasksEnded('error', outcome.erroredTasks);
  }

  private async fail(batch: readonly (Ended & { outcome: { kind: 'fail' } })[]): Promise<Answer | undefined> {
    if (batch.length === 0) return undefined;
    try {
      const outcome = await fail(this.options.db, {
        workerId: this.options.workerId(),
        failures: batch.map(({ step, kind, outcome: { kind: _, ...failure } }) => ({
          ...claimOf(step),
          ...failure,
          backoffCapSeconds: kind?.backoffCapSeconds ?? this.options.backoffCapSeconds,
          backoffInitialSeconds: kind?.backoffInitialSeconds,
        })),
        backoffDisabled: this.options.backoffDisabled,
      });
      return () => {
        for (const ended of batch) {
          const next = outcome.failed.get(ended.step.stepId);
          this.options.onTold(ended, { lost: next === undefined, willRetry: next !== undefined && next !== null });
        }
        this.reconnect.succeeded();
        if (outcome.erroredTasks.length > 0) this.options.onTasksEnded('error', outcome.erroredTasks);
      };
    } catch (error) {
      await this.afterFailure('fail', batch, error);
      return undefined;
    }
  }

  private async release(batch: readonly Ended[]): Promise<Answer | undefined> {
    if (batch.length === 0) return undefined;
    try {
      const steps = batch.map(({ step }) => claimOf(step));
      const outcome = await release(this.options.db, { workerId: this.options.workerId(), steps });
      return () => {
        this.told(batch, new Set(outcome.lost));
        this.options.onReady(outcome.queues);
      };
    } catch (error) {
      await this.afterFailure('release', batch, error);
      return undefined;
    }
  }

  private told(batch: readonly Ended[], lost: ReadonlySet<string>): void {
    for (const ended of batch) this.options.onTold(ended, lost.has(ended.step.stepId) ? LOST : WRITTEN);
  }

  /**
   * A database that is away, or in the middle of a migration: keep the batch, wait, try again. Where the outcome is unknown, first ask which attempts did
   * end and which children were claimed. Any other error is about one entry of the batch: try each alone, so that it cannot
   * hold up the others.
   */
  private async afterFailure(what: string, batch: readonly Ended[], error: unknown, claimId?: string): Promise<void> {
    this.options.onError(what, error);
    if (isUnavailable(error) || isOutcomeUnknown(error) || isSchemaMismatch(error)) {
      await this.pause();
      this.waiting.unshift(...(await this.withoutEnded(batch, claimId)));
      return;
    }
    if (batch.length === 1) {
      this.putBackRefused(batch[0] as Ended, error);
      return;
    }
    for (const ended of batch) {
      this.waiting.unshift(ended);
      await this.flushOne();
    }
  }

  /** The database will not store how this attempt ended: the step fails for good, with a reason that can be stored. */
  private putBackRefused(ended: Ended, error: unknown): void {
    const reworded = inFewerCharacters(ended.outcome, error);
    if (reworded !== undefined) {
      this.waiting.unshift({ ...ended, outcome: reworded });
      return;
    }
    const refusedBefore = ended.outcome.kind === 'fail' && ended.outcome.metadata.startsWith(REFUSED);
    if (refusedBefore || ended.outcome.kind === 'release') {
      this.options.onTold(ended, LOST);
      return;
    }
    const reason = sqlState(error) ?? 'unknown';
    const metadata = `${REFUSED} (SQLSTATE ${reason.replaceAll(/[^0-9A-Za-z_]/g, '')})"}}`;
    this.waiting.unshift({
      ...ended,
      outcome: { kind: 'fail', cause: 'fail', permanent: true, requestedBackoffSeconds: undefined, metadata },
    });
  }

  private async flushOne(): Promise<void> {
    const [ended] = this.waiting.splice(0, 1);
    if (ended === undefined) return;
    if (ended.outcome.kind === 'complete')
      (await this.complete([ended as Ended & { outcome: { kind: 'complete'; result: string } }]))?.();
    else if (ended.outcome.kind === 'fail')
      (await this.fail([ended as Ended & { outcome: Extract<Outcome, { kind: 'fail' }> }]))?.();
    else (await this.release([ended]))?.();
  }

  private async withoutEnded(batch: readonly Ended[], claimId: string | undefined): Promise<Ended[]> {
    for (;;) {
      try {
        const known = await endedAttempts(
          this.options.db,
          batch.map(({ step }) => claimOf(step)),
        );
        if (claimId !== undefined && known.size > 0) {
          const claimed = await adopt(this.options.db, claimId);
          if (claimed.length > 0) this.options.onClaimed(claimed, 0);
        }
        for (const ended of batch) if (known.has(ended.step.stepId)) this.options.onTold(ended, WRITTEN);
        return batch.filter((ended) => !known.has(ended.step.stepId));
      } catch (error) {
        this.options.onError('find out what was written', error);
        await this.pause();
      }
    }
  }

  private async pause(): Promise<void> {
    this.pausedUntil ??= new Promise<void>((resolve) => {
      setTimeout(resolve, this.reconnect.nextDelayMs());
    }).finally(() => {
      this.pausedUntil = undefined;
    });
    await this.pausedUntil;
  }
}

function childrenOf({ kind }: Ended): number {
  return kind?.template.childOrdinals.length ?? 0;
}

function claimOf({ taskId, stepId, claimId }: ClaimedStep): { taskId: string; stepId: string; claimId: string } {
  return { taskId, stepId, claimId };
}
