import { DATABASE_AWAY, exponential } from '../../backoff.ts';
import type { Ended, Recorded } from '../scope/outputs.ts';
import { statementFailed, type WorkerScope } from '../scope/worker-scope.ts';
import type { Batch } from './batch.ts';
import { BatchWriter } from './batch-writer.ts';
import { type FailedWrite, kept } from './failed-writes.ts';
import { KeptOutcomes } from './kept-outcomes.ts';
import { resolveUnknownCommit } from './resolve-unknown-commit.ts';

/**
 * At most two at a time: while one waits for the server the next one fills. One while a claim is under way: three statements of our
 * sessions at once cost PostgreSQL an eighth more than two, and are done no sooner.
 */
const MAX_IN_FLIGHT = 2;
/** As many as the largest claim takes: what was claimed together and ends together is recorded together. */
const MAX_BATCH = 1024;

/**
 * Records how attempts ended, in batches made of whatever is waiting: no timer, so an idle worker's single completion is sent at
 * once and a busy worker's batches grow with its load. A batch that could not be written is kept, split if that can help, and
 * written again with backoff, however long that takes. Its output is one `Recorded` for each statement.
 *
 * An outcome is waiting -> in flight -> undelivered -> recorded. After a failed write it is kept, and in flight again.
 */
export class Completer {
  /** Receives the output; set once, in assembly.ts. */
  onRecorded: (recorded: Recorded) => void = () => undefined;
  private readonly scope: WorkerScope;
  private readonly writer: BatchWriter;
  private readonly maxBatch: number;
  private readonly backoff = exponential(DATABASE_AWAY);
  private waiting: Ended[] = [];
  private readonly kept = new KeptOutcomes();
  /** The kept batch that is under way: one at a time, so that it leaves room for the others. */
  private keptInFlight: Batch | undefined;
  private keptWasLast = false;
  private keptTimer: NodeJS.Timeout | undefined;
  private inFlight = 0;
  /** Batches that are written and not delivered yet: the next batch is sent first. */
  private undelivered = 0;
  private scheduled = false;
  private stopped = false;
  private pauseTimer: NodeJS.Timeout | undefined;
  private drainedWaiters: (() => void)[] = [];

  constructor(scope: WorkerScope, maxBatch = MAX_BATCH) {
    this.scope = scope;
    this.writer = new BatchWriter(scope);
    this.maxBatch = maxBatch;
  }

  /** Outcomes that wait to be written, those whose write failed included. */
  get backlog(): number {
    return this.waiting.length + this.kept.size + (this.keptInFlight?.members.length ?? 0);
  }

  add(ended: Ended): void {
    this.waiting.push(ended);
    this.schedule();
  }

  /** Resolves when everything that ended so far is recorded and delivered. */
  async drained(): Promise<void> {
    if (this.isDrained) return;
    await new Promise<void>((resolve) => this.drainedWaiters.push(resolve));
  }

  /** Writes nothing more: what is left unrecorded is recovered as that of a dead process. */
  stop(): void {
    this.stopped = true;
    clearTimeout(this.keptTimer);
    clearTimeout(this.pauseTimer);
  }

  private get isDrained(): boolean {
    return this.waiting.length === 0 && this.kept.size === 0 && this.inFlight === 0 && this.undelivered === 0;
  }

  private get maySend(): boolean {
    const most = this.scope.signal.claiming ? MAX_IN_FLIGHT - 1 : MAX_IN_FLIGHT;
    return this.inFlight < most && this.pauseTimer === undefined && !this.stopped;
  }

  private schedule(): void {
    if (this.scheduled || !this.maySend) return;
    this.scheduled = true;
    // After the current round of callbacks, so that handlers which end together are recorded together.
    setImmediate(() => {
      this.scheduled = false;
      // Both may have begun meanwhile; the end of a pause schedules.
      const batch = this.stopped || this.pauseTimer !== undefined ? undefined : this.next();
      if (batch !== undefined) void this.send(batch);
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
    return { members: this.waiting.splice(0, this.maxBatch), failures: 0, unknown: undefined };
  }

  private async send(batch: Batch): Promise<void> {
    this.inFlight += 1;
    if (this.waiting.length > 0) this.schedule();
    const started = performance.now();
    let recorded: (Recorded | undefined)[] = [];
    try {
      const members = batch.unknown === undefined ? batch.members : await this.unrecorded(batch);
      const writes = this.writer.write(members, batch.failures, this.backlog);
      recorded = await Promise.all(writes.map((write) => this.recordedBy(write)));
    } finally {
      this.inFlight -= 1;
      this.undelivered += 1;
      if (this.keptInFlight === batch) this.keptInFlight = undefined;
    }
    const seconds = (performance.now() - started) / 1000;
    const deliver = (): void => {
      this.undelivered -= 1;
      for (const one of recorded) if (one !== undefined) this.onRecorded(one);
      this.scope.events.batchCompleted({ steps: batch.members.length, seconds });
      this.scope.signal.slotFreed();
      if (this.waiting.length > 0 || this.kept.size > 0) this.schedule();
      else if (this.isDrained) for (const resolve of this.drainedWaiters.splice(0)) resolve();
    };
    // The database has the next batch to work on while we deliver what it returned for this one.
    if (this.waiting.length === 0 || !this.maySend) return deliver();
    const next = this.scheduled ? undefined : this.next();
    if (next !== undefined) void this.send(next);
    setImmediate(deliver);
  }

  /** The outcomes that an earlier write of this batch did not record; delivers those that it did, and the children that it claimed. */
  private async unrecorded(batch: Batch): Promise<readonly Ended[]> {
    try {
      const { recorded, members } = await resolveUnknownCommit(this.scope, batch);
      if (recorded.ended.length > 0) this.onRecorded(recorded);
      return members;
    } catch (error) {
      statementFailed(this.scope, 'find out what was written', error);
      this.keep(kept(batch, error));
      return [];
    }
  }

  private async recordedBy(write: Promise<Recorded | FailedWrite>): Promise<Recorded | undefined> {
    const result = await write;
    if ('again' in result) {
      this.keep(result);
      return result.recorded;
    }
    this.backoff.reset();
    return result;
  }

  private keep({ again, pause }: FailedWrite): void {
    for (const batch of again) this.kept.add(batch);
    if (!pause || this.stopped) return;
    this.pauseTimer ??= setTimeout(() => {
      this.pauseTimer = undefined;
      this.schedule();
    }, this.backoff.next());
  }
}
