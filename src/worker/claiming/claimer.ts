import { type Backoff, DATABASE_AWAY, exponential, QUARTER_JITTER } from '../../backoff.ts';
import { lateSdk } from '../../tracing/otel.ts';
import type { Completer } from '../completing/completer.ts';
import type { Intake } from '../running/intake.ts';
import { statementFailed, type WorkerScope } from '../scope/worker-scope.ts';
import type { IdleCheck } from './idle-check.ts';
import { QueueClaims } from './queue-claims.ts';

export interface ClaimerParts {
  readonly intake: Pick<Intake, 'accept'>;
  readonly completer: Pick<Completer, 'backlog'>;
  readonly idleCheck: Pick<IdleCheck, 'anyReady'>;
  /** Called at the beginning of each round. */
  readonly onRound: () => void;
}

/**
 * Claims what free slots can run, in rounds of one claim for each queue. Polling finds everything; a wake-up (a notification, a
 * freed slot) only shortens the pause. Queues take turns, so that a full one cannot starve the others.
 *
 * The pause after a round: none while claims come back full and slots are free; the poll interval, which doubles up to its maximum
 * while nothing is found. At the maximum an idle check goes before the claims of a round that nobody woke.
 */
export class Claimer {
  private readonly scope: WorkerScope;
  private readonly parts: ClaimerParts;
  private readonly claims: QueueClaims;
  private readonly pollInterval: Backoff;
  private readonly backoff = exponential(DATABASE_AWAY);
  private turn = 0;
  private running = false;
  private stopped = false;
  private loop: Promise<void> | undefined;

  constructor(scope: WorkerScope, parts: ClaimerParts) {
    this.scope = scope;
    this.parts = parts;
    this.claims = new QueueClaims(scope, { ...parts, backoff: this.backoff });
    const { pollIntervalMs, maxPollIntervalMs } = scope.settings;
    this.pollInterval = exponential({ minMs: pollIntervalMs, maxMs: maxPollIntervalMs, jitter: QUARTER_JITTER });
  }

  start(): void {
    if (this.running || this.stopped) return;
    this.running = true;
    // The first round begins anyway; what woke the claimer before is no sign of work.
    this.scope.signal.take();
    this.loop = this.run();
  }

  /** Stops claiming and resolves when no claim is under way and what was claimed has been delivered. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.running = false;
    this.claims.stop();
    this.scope.signal.wake();
    await this.loop;
  }

  private async run(): Promise<void> {
    const { signal } = this.scope;
    while (this.running) {
      this.parts.onRound();
      let delay: number;
      try {
        delay = await this.round();
        this.backoff.reset();
      } catch (error) {
        statementFailed(this.scope, 'claim', error);
        delay = this.backoff.next();
      }
      if (this.running && !signal.isWoken && delay > 0) await signal.sleep(delay);
    }
    await this.claims.delivered();
  }

  /** One claim for each queue; returns the pause until the next round, in milliseconds. */
  private async round(): Promise<number> {
    const { settings, pauses, lease, slots, signal } = this.scope;
    const queues = pauses.openQueues(settings.queues);
    const woken = signal.take();
    if (lease.current === undefined) return this.pauseMs();
    // Everything is paused. The reconciler looks for orphaned claims by itself.
    if (queues.length === 0) return this.pauseMs();
    if (this.isIdle(woken) && !(await this.parts.idleCheck.anyReady())) return this.pauseMs();
    const sdk = lateSdk();
    if (sdk !== undefined) await sdk;
    let found = 0;
    let full = false;
    let moreInMs = Infinity;
    for (let index = 0; index < queues.length && this.running; index += 1) {
      const queue = queues[(this.turn + index) % queues.length] as string;
      // It may have been paused since the round began: the claims before it may have waited for the database.
      if (!pauses.isOpen(queue)) continue;
      const granted = this.claims.hasRoom ? slots.reserve(Math.min(slots.free, settings.claimBatch)) : 0;
      if (granted === 0) {
        // There may be work left; whatever makes room wakes us.
        full = true;
        break;
      }
      const claimed = await this.claims.claim(queue, granted);
      found += claimed.count;
      full ||= claimed.full || claimed.moreInMs === 0;
      moreInMs = Math.min(moreInMs, claimed.moreInMs);
    }
    this.turn += 1;
    signal.hungry = full || slots.free === 0;
    if (found > 0) this.pollInterval.reset();
    // Free slots and more to take: at once. Without free slots, or room for outcomes, the first that is freed wakes the loop.
    if (full && slots.free > 0 && this.claims.hasRoom) return 0;
    return Math.min(this.pauseMs(), moreInMs);
  }

  /** Whether the cheaper idle check goes first. Not if the claimer was woken: then there is work. */
  private isIdle(woken: boolean): boolean {
    const { slots, claims } = this.scope;
    return !woken && this.pollInterval.atMax && slots.free > 0 && this.claims.hasRoom && !claims.anyClosed;
  }

  private pauseMs(): number {
    const { settings, state } = this.scope;
    const { hintedPollIntervalMs, maxPollIntervalMs } = settings;
    return this.pollInterval.next(
      state.notificationsLive ? Math.max(hintedPollIntervalMs, maxPollIntervalMs) : maxPollIntervalMs,
    );
  }
}
