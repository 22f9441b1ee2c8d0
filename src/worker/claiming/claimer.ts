import { randomUUID } from 'node:crypto';
import { type Backoff, DATABASE_AWAY, exponential, QUARTER_JITTER } from '../../backoff.ts';
import type { Database } from '../../db/connections/database.ts';
import { isOutcomeUnknown } from '../../db/connections/sql-errors.ts';
import { WHOLE_QUEUE } from '../../db/statements/claims/ready-ranges.ts';
import { claim, type ClaimedStep, type ClaimScan } from '../../engine/claim.ts';
import { adopt } from '../../engine/claims.ts';
import type { ClaimCursors } from '../scope/claim-cursors.ts';
import type { ClaimLedger } from '../scope/claim-ledger.ts';
import type { Slots } from '../scope/slots.ts';

export interface ClaimerOptions {
  db: Database;
  slots: Slots;
  queues: readonly string[];
  namedTaskIds: () => readonly number[];
  maxClaim: number;
  minIntervalMs: number;
  maxIntervalMs: number;
  /** The longest pause while `hinted` says that hints arrive. */
  hintedIntervalMs: number;
  hinted: () => boolean;
  /** Undefined while the process has no lease: nothing may be claimed then. */
  workerId: () => string | undefined;
  /** How many attempts have ended here that the database does not know of yet. */
  untold: () => number;
  claims: ClaimLedger;
  cursors: ClaimCursors;
  /** Whether a claim may find something: a cheaper question, for a poll that comes by itself after a while without work. */
  restLook: () => Promise<boolean>;
  onClaimed: (queue: string, steps: ClaimedStep[], seconds: number) => void;
  onError: (what: string, error: unknown) => void;
  /** Called once a round: the loop lives. */
  onRound: () => void;
}

/**
 * Handlers that end at once free their slots faster than their ends can be written. So that this does not pile up, in memory
 * and in claims, nothing is claimed while so many ends wait.
 */
export const MAX_UNRECORDED = 2048;

/**
 * Looks for ready steps and claims what free slots can run. Polling is the truth; `wake` (a hint, a freed slot) only
 * shortens the wait. Queues take turns, so that a full one cannot starve the others.
 */
export class Claimer {
  private readonly options: ClaimerOptions;
  private readonly interval: Backoff;
  private readonly reconnect = exponential(DATABASE_AWAY);
  private turn = 0;
  private running = false;
  private inFlight = false;
  /** Steps that were claimed and wait for the next claim to leave. */
  private undelivered = 0;
  private woken = false;
  /** The last claim was as large as asked: there is probably more. */
  private hungry = true;
  private wakeUp: () => void = () => undefined;
  private loop: Promise<void> | undefined;

  constructor(options: ClaimerOptions) {
    this.options = options;
    this.interval = exponential({
      minMs: options.minIntervalMs,
      maxMs: options.maxIntervalMs,
      jitter: QUARTER_JITTER,
    });
  }

  start(): void {
    if (this.running) return;
    this.running = true;
    this.loop = this.run();
  }

  /** Stops claiming and resolves when no claim is under way and what was claimed has been handed on. */
  async stop(): Promise<void> {
    this.running = false;
    this.wake();
    await this.loop;
  }

  /** There may be work: look now. */
  wake(): void {
    this.woken = true;
    this.wakeUp();
  }

  /** A slot is free again: look now if the last look left work behind. */
  slotFreed(): void {
    if (this.hungry) this.wake();
  }

  private async run(): Promise<void> {
    while (this.running) {
      this.options.onRound();
      let delay: number;
      try {
        delay = await this.round();
        this.reconnect.reset();
      } catch (error) {
        this.options.onError('claim', error);
        delay = this.reconnect.next();
      }
      if (this.running && !this.woken && delay > 0) await this.sleep(delay);
    }
    // Deliveries are made in turn: after this one there is none left.
    if (this.undelivered > 0) await new Promise((resolve) => setImmediate(resolve));
  }

  /** One look at every queue; answers how long to wait before the next. */
  async round(): Promise<number> {
    const { woken } = this;
    this.woken = false;
    const { queues, slots } = this.options;
    if (this.options.workerId() === undefined) return this.pause();
    // Whoever wakes us knows of work: no question goes first.
    const asks = !woken && this.interval.atMax && slots.free > 0 && this.hasRoom && !this.options.claims.anyClosed;
    if (asks && !(await this.options.restLook())) return this.pause();
    let found = 0;
    let full = false;
    let moreInMs = Infinity;
    for (let index = 0; index < queues.length && this.running; index += 1) {
      const queue = queues[(this.turn + index) % queues.length] as string;
      const granted = this.hasRoom ? slots.reserve(Math.min(slots.free, this.options.maxClaim)) : 0;
      if (granted === 0) {
        // There may be work left; whoever makes room wakes us.
        full = true;
        break;
      }
      const claimed = await this.claim(queue, granted);
      found += claimed.count;
      full ||= claimed.full || claimed.moreInMs === 0;
      moreInMs = Math.min(moreInMs, claimed.moreInMs);
    }
    this.turn += 1;
    this.hungry = full || slots.free === 0;
    if (found > 0) this.interval.reset();
    // With free slots and more to take: at once. Without free slots, or room for their ends, the first to be freed wakes the loop.
    if (full && slots.free > 0 && this.hasRoom) return 0;
    return Math.min(this.pause(), moreInMs);
  }

  private get hasRoom(): boolean {
    return this.options.untold() + this.undelivered < MAX_UNRECORDED;
  }

  private pause(): number {
    const { hinted, hintedIntervalMs, maxIntervalMs } = this.options;
    return this.interval.next(hinted() ? Math.max(hintedIntervalMs, maxIntervalMs) : maxIntervalMs);
  }

  /** A claim is under way. */
  get claiming(): boolean {
    return this.inFlight;
  }

  private async claim(queue: string, granted: number): Promise<{ count: number; full: boolean; moreInMs: number }> {
    const { db, slots, namedTaskIds, claims } = this.options;
    const workerId = this.options.workerId();
    if (workerId === undefined) {
      slots.unreserve(granted);
      return { count: 0, full: false, moreInMs: Infinity };
    }
    const closedClaims = claims.takeClosed();
    const claimId = randomUUID();
    claims.asking(claimId);
    const cursor = this.options.cursors.of(queue);
    const started = performance.now();
    const ranges = cursor.ranges(started);
    let scan: ClaimScan | undefined;
    let steps: ClaimedStep[] = [];
    try {
      this.inFlight = true;
      steps = await claim(db, {
        workerId,
        queue,
        namedTaskIds: namedTaskIds(),
        limit: granted,
        closedClaims,
        claimId,
        ranges,
        onScan: (seen) => (scan = seen),
      });
    } catch (error) {
      claims.untake(closedClaims);
      if (!isOutcomeUnknown(error)) {
        slots.unreserve(granted);
        claims.answered(claimId);
        throw error;
      }
      this.options.onError('claim', error);
      steps = await this.adoptLater(claimId);
    } finally {
      this.inFlight = false;
    }
    const ms = performance.now() - started;
    const full = steps.length > 0 && steps.length >= 2 ** Math.floor(Math.log2(granted));
    const whole = ranges === WHOLE_QUEUE;
    cursor.claimed({ whole, full, scan, startedAtMs: started, ms });
    slots.unreserve(granted - steps.length);
    const deliver = (): void => {
      slots.unreserve(steps.length);
      this.options.onClaimed(queue, steps, ms / 1000);
      claims.answered(claimId);
    };
    if (full && this.canClaimAnother(granted)) {
      this.undelivered += steps.length;
      setImmediate(() => {
        this.undelivered -= steps.length;
        deliver();
      });
    } else deliver();
    // Behind the cursor there may be more: the next scan of the whole queue finds it.
    return { count: steps.length, full, moreInMs: full || whole ? Infinity : cursor.untilWholeScan(performance.now()) };
  }

  /**
   * Whether a claim as large as the last leaves at once, whatever that has brought. It goes first then: the database works on
   * it while the steps of the last one run, which takes as long as a third of a claim when hundreds of handlers end at once.
   */
  private canClaimAnother(granted: number): boolean {
    return this.running && this.hasRoom && this.options.slots.free >= granted;
  }

  /**
   * The connection broke under a claim: if it committed, its steps are ours and nobody else will run them. If it has not
   * committed yet it still may; the worker looks after such strays.
   */
  private async adoptLater(claimId: string): Promise<ClaimedStep[]> {
    for (;;) {
      await this.sleep(this.reconnect.next());
      try {
        return await adopt(this.options.db, claimId);
      } catch (error) {
        this.options.onError('adopt a claim', error);
        if (!this.running) return [];
      }
    }
  }

  private async sleep(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wakeUp = () => undefined;
  }
}
