import type { Lease } from '../membership/lease.ts';
import type { Drained } from '../process/service.ts';
import { type Assembly, assemble } from './assembly.ts';
import { drain } from './drain.ts';
import type { WorkerOptions } from './scope/worker-options.ts';

/** The first steps of a program come from its own client, whose submits wake the worker without a notification. */
const LISTEN_LATER_MS = 250;

/**
 * A process that runs steps. Its work goes round through three stations, each with one output, which is a value:
 *
 *         +-----------+      +-----------------+
 *         |  Claimer  |      | ClaimReconciler |   every 2 s: adopts orphaned claims, aborts attempts whose claim was lost
 *         +-----+-----+      +--------+--------+
 *               | Claimed             | steps
 *         +-----v-----+               |
 *    +--->|  Intake   |<--------------+
 *    |    +-----+-----+
 *    |          | a step with its inputs
 *    |    +-----v-----+
 *    |    | Executor  |   a slot, an Attempt, the handler
 *    |    +-----+-----+
 *    |          | Ended
 *    |    +-----v-----+
 *    |    | Completer |   one statement for many outcomes, which may also claim their children
 *    |    +-----+-----+
 *    |          | Recorded
 *    |    +-----v-----+
 *    |    | Recorder  |   ledger, result cache, notifications, telemetry
 *    |    +-----+-----+
 *    |          | Recorded.claimed
 *    +----------+         <- the ring is closed here, in assembly.ts, and nowhere else
 *
 * What they share is in scope/: the lease, the claim ledger, the slots, the handlers, and the signal that wakes the claimer.
 * Each station has a folder; beside them are quarantine/, joining/ (the database that the worker has joined) and telemetry/.
 *
 * start -> running -> stop (drain); stop is idempotent, safe before start, and resolves when everything that ran here has ended or
 * was given back, or, a few seconds after the grace period, with what has not.
 */
export class Worker {
  private readonly options: WorkerOptions;
  private readonly parts: Assembly;
  private starting: Promise<void> | undefined;
  private stopping: Promise<Drained> | undefined;

  constructor(options: WorkerOptions) {
    this.options = options;
    this.parts = assemble(options);
  }

  get lease(): Lease {
    return this.parts.membership.lease;
  }

  /** The installation that the worker has joined; empty before. */
  get installationId(): string {
    return this.parts.scope.state.installationId;
  }

  get busySlots(): number {
    return this.parts.scope.slots.busy;
  }

  leaseAgeSeconds(): number {
    return this.parts.membership.leaseAgeSeconds();
  }

  start(): Promise<void> {
    this.starting ??= this.doStart();
    return this.starting;
  }

  stop(): Promise<Drained> {
    this.stopping ??= this.doStop();
    return this.stopping;
  }

  /** Steps of these queues have become ready, says a client of the same program. A hint, as a notification is. */
  wake(queues: readonly string[]): void {
    for (const queue of queues) this.parts.wake(queue);
  }

  /** Cuts a drain short: what still runs is aborted and given back now. */
  abortDrain(): void {
    this.parts.running.abortAll('drain');
    this.parts.running.giveUpAll('drain');
  }

  private async doStart(): Promise<void> {
    const { scope, joined, membership, workflowReport, running, listener, reconciler, quarantine, activity, claimer } =
      this.parts;
    scope.db.pool.on('connect', joined.distrust);
    // Side by side: each waits for a connection of its own.
    const later = this.options.listensLater === true;
    await Promise.all([membership.start(), later ? undefined : listener.start()]);
    if (later) setTimeout(() => void listener.start(), LISTEN_LATER_MS).unref();
    workflowReport.start();
    running.start();
    reconciler.start();
    if (this.options.watchesQuarantine !== false) quarantine.start();
    activity.start(this.options.activityIntervalMs);
    claimer.start();
  }

  private async doStop(): Promise<Drained> {
    await this.starting?.catch(() => undefined);
    return drain(this.parts);
  }
}
