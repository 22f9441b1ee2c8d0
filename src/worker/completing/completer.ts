import { randomUUID } from 'node:crypto';
import { DATABASE_AWAY, exponential } from '../../backoff.ts';
import { complete, type CompleteOutcome } from '../../engine/complete.ts';
import { fail } from '../../engine/fail.ts';
import { release } from '../../engine/release.ts';
import { FailedWrites } from './failed-writes.ts';
import { claimOf, type Ended, type CompleterOptions, type Told } from './completer-options.ts';
import { type Batch, KeptOutcomes } from './kept-outcomes.ts';
import type { Outcome } from '../running/outcome.ts';

/** Tells everybody here what the database answered to one statement. */
type Answer = () => void;

const LOST: Told = { lost: true };
const WRITTEN: Told = { lost: false };
const NOTHING_CLAIMED = { claimId: undefined };

/**
 * At most two at a time: while one waits for the server the next one fills. One while a claim is under way: what three of our
 * sessions do at once costs PostgreSQL an eighth more than what two do, and is done no sooner.
 */
const MAX_IN_FLIGHT = 2;

/**
 * Tells the database how attempts ended, in batches made of whatever is waiting: no timer, so an idle worker's single
 * completion leaves at once and a busy worker's batches grow with its load. A batch that could not be written is kept, split
 * if that can help, and written again with backoff, however long that takes.
 */
export class Completer {
  private readonly options: CompleterOptions;
  private readonly reconnect = exponential(DATABASE_AWAY);
  private waiting: Ended[] = [];
  private readonly kept = new KeptOutcomes();
  private readonly failedWrites: FailedWrites;
  /** The kept batch that is under way: one at a time, so that it leaves room for the others. */
  private keptInFlight: Batch | undefined;
  private keptWasLast = false;
  private keptTimer: NodeJS.Timeout | undefined;
  private inFlight = 0;
  /** Batches that the database has answered, and whose answers wait for the next batch to leave. */
  private unheard = 0;
  private scheduled = false;
  private stopped = false;
  private pauseTimer: NodeJS.Timeout | undefined;
  private emptyWaiters: (() => void)[] = [];

  constructor(options: CompleterOptions) {
    this.options = options;
    this.failedWrites = new FailedWrites(options, this.kept, () => this.pause());
  }

  /** Outcomes that wait to be written, those whose write failed included. */
  get size(): number {
    return this.waiting.length + this.kept.size + (this.keptInFlight?.members.length ?? 0);
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

  /** Writes nothing more: what is left unwritten is recovered as that of a dead process. */
  stop(): void {
    this.stopped = true;
    clearTimeout(this.keptTimer);
    clearTimeout(this.pauseTimer);
  }

  private get isDrained(): boolean {
    return this.waiting.length === 0 && this.kept.size === 0 && this.inFlight === 0 && this.unheard === 0;
  }

  private get mayFlush(): boolean {
    const most = this.options.claiming() ? MAX_IN_FLIGHT - 1 : MAX_IN_FLIGHT;
    return this.inFlight < most && this.pauseTimer === undefined && !this.stopped;
  }

  private schedule(): void {
    if (this.scheduled || !this.mayFlush) return;
    this.scheduled = true;
    // After the current round of callbacks, so that handlers which end together are told together.
    setImmediate(() => {
      this.scheduled = false;
      // Both may have begun meanwhile; the end of a pause schedules.
      const batch = this.stopped || this.pauseTimer !== undefined ? undefined : this.next();
      if (batch !== undefined) void this.flush(batch);
    });
  }

  /** What to write now: new outcomes and kept ones that are due take turns. */
  private next(): Batch | undefined {
    if (this.kept.size > 0 && this.keptInFlight === undefined && (this.waiting.length === 0 || !this.keptWasLast)) {
      const due = this.kept.takeDue();
      if (due !== undefined) {
        this.keptInFlight = due;
        this.keptWasLast = true;
        return due;
      }
      clearTimeout(this.keptTimer);
      this.keptTimer = setTimeout(() => this.schedule(), this.kept.dueInMs);
    }
    this.keptWasLast = false;
    if (this.waiting.length === 0) return undefined;
    return { members: this.waiting.splice(0, this.options.maxBatch), failures: 0, unknown: undefined };
  }

  private async flush(batch: Batch): Promise<void> {
    this.inFlight += 1;
    if (this.waiting.length > 0) this.schedule();
    const started = performance.now();
    let answers: (Answer | undefined)[] = [];
    try {
      const members = batch.unknown === undefined ? batch.members : await this.failedWrites.withoutEnded(batch);
      const of = <K extends Outcome['kind']>(kind: K) =>
        members.filter(
          (ended): ended is Ended & { outcome: Extract<Outcome, { kind: K }> } => ended.outcome.kind === kind,
        );
      const { failures } = batch;
      answers = await Promise.all([
        this.complete(of('complete'), failures),
        this.fail(of('fail'), failures),
        this.release(of('release'), failures),
      ]);
    } finally {
      this.inFlight -= 1;
      this.unheard += 1;
      if (this.keptInFlight === batch) this.keptInFlight = undefined;
    }
    const seconds = (performance.now() - started) / 1000;
    const hear = (): void => {
      this.unheard -= 1;
      for (const answer of answers) answer?.();
      this.options.onFlushed(batch.members.length, seconds);
      if (this.waiting.length > 0 || this.kept.size > 0) this.schedule();
      else if (this.isDrained) for (const resolve of this.emptyWaiters.splice(0)) resolve();
    };
    // The database has the next batch to work on while we go through what it answered to this one.
    if (this.waiting.length === 0 || !this.mayFlush) return hear();
    const next = this.scheduled ? undefined : this.next();
    if (next !== undefined) void this.flush(next);
    setImmediate(hear);
  }

  private async complete(
    batch: readonly (Ended & { outcome: { kind: 'complete' } })[],
    failures: number,
  ): Promise<Answer | undefined> {
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
      await this.failedWrites.after('complete', { members: batch, failures, unknown: { claimId } }, error);
      return undefined;
    }
  }

  private report(outcome: CompleteOutcome, seconds: number): void {
    const { options } = this;
    this.reconnect.reset();
    if (outcome.claimed.length > 0) options.onClaimed(outcome.claimed, seconds);
    if (outcome.ready.size > 0) options.onReady(outcome.ready.keys());
    if (outcome.completedTasks.length > 0) options.onTasksEnded('complete', outcome.completedTasks);
    if (outcome.erroredTasks.length > 0) options.onTasksEnded('error', outcome.erroredTasks);
  }

  private async fail(
    batch: readonly (Ended & { outcome: { kind: 'fail' } })[],
    failures: number,
  ): Promise<Answer | undefined> {
    if (batch.length === 0) return undefined;
    try {
      const outcome = await fail(this.options.db, {
        workerId: this.options.workerId(),
        failures: batch.map((ended) => ({
          ...claimOf(ended),
          ...failureOf(ended),
          backoffCapSeconds: ended.kind?.backoffCapSeconds ?? this.options.backoffCapSeconds,
          backoffInitialSeconds: ended.kind?.backoffInitialSeconds,
        })),
        backoffDisabled: this.options.backoffDisabled,
      });
      return () => {
        for (const ended of batch) {
          const next = outcome.failed.get(ended.step.stepId);
          this.options.onTold(ended, { lost: next === undefined, willRetry: next !== undefined && next !== null });
        }
        this.reconnect.reset();
        if (outcome.erroredTasks.length > 0) this.options.onTasksEnded('error', outcome.erroredTasks);
      };
    } catch (error) {
      await this.failedWrites.after('fail', { members: batch, failures, unknown: NOTHING_CLAIMED }, error);
      return undefined;
    }
  }

  private async release(batch: readonly Ended[], failures: number): Promise<Answer | undefined> {
    if (batch.length === 0) return undefined;
    try {
      const steps = batch.map(claimOf);
      const outcome = await release(this.options.db, { workerId: this.options.workerId(), steps });
      return () => {
        this.told(batch, new Set(outcome.lost));
        this.options.onReady(outcome.queues);
      };
    } catch (error) {
      await this.failedWrites.after('release', { members: batch, failures, unknown: NOTHING_CLAIMED }, error);
      return undefined;
    }
  }

  private told(batch: readonly Ended[], lost: ReadonlySet<string>): void {
    for (const ended of batch) this.options.onTold(ended, lost.has(ended.step.stepId) ? LOST : WRITTEN);
  }

  private pause(): void {
    if (this.stopped) return;
    this.pauseTimer ??= setTimeout(() => {
      this.pauseTimer = undefined;
      this.schedule();
    }, this.reconnect.next());
  }
}

function childrenOf({ kind }: Ended): number {
  return kind?.template.childOrdinals.length ?? 0;
}

function failureOf({
  outcome: { kind: _, ...failure },
}: Ended & { outcome: Extract<Outcome, { kind: 'fail' }> }): Omit<Extract<Outcome, { kind: 'fail' }>, 'kind'> {
  return failure;
}
