import type { HeartbeatHost, HeartbeatMember } from './heartbeat-host.ts';
import { type HeartbeatMessage, HeartbeatState } from './heartbeat-protocol.ts';

export interface HeartbeatOptions {
  /** Whether the process is killed if its event loop stands still past the stall deadline. */
  killWhenStalled: boolean;
  busySlots: () => number;
  /** The latest moment, in milliseconds of the epoch, until which a running step may hold the event loop. */
  stallDeadlineMs: () => number;
  onLost: (workerId: string) => void;
  /** What is paused, as each heartbeat reads it. */
  onPauses?: (pauses: string | null) => void;
  /** `code`: of the error, if it has one. */
  onError: (message: string, code?: string) => void;
}

/** The heartbeat of one process of the fleet, which the thread of a host sends; in one program two of them share the thread. */
export class Heartbeat implements HeartbeatMember {
  /** The key of the lock by which others see that this process lives; null: the lease alone shows it. */
  readonly sessionLock: string | null;
  private readonly host: HeartbeatHost;
  private readonly options: HeartbeatOptions;
  private readonly place: number;
  /** The worker id whose lease is renewed. */
  private workerId: string | undefined;
  /** Milliseconds of the epoch; 0 before the first. */
  private renewedAt = 0;
  private stopping: Promise<void> | undefined;

  constructor(host: HeartbeatHost, options: HeartbeatOptions) {
    this.host = host;
    this.options = options;
    const { place, sessionLock } = host.join(this);
    this.place = place;
    this.sessionLock = sessionLock;
  }

  /** Starts the thread if it does not run yet; resolves when it has requested the session lock, or at once if it starts late. */
  start(): Promise<void> {
    return this.host.start();
  }

  /** Renews the lease of this worker id from now on. */
  renew(workerId: string): void {
    this.renewedAt = performance.timeOrigin + performance.now();
    this.workerId = workerId;
    this.threadStarted();
    this.host.soon();
  }

  /**
   * Moves the stall deadline to `untilMs` if that is later. The next tick sets it to that of the steps which run then. A thread that starts late
   * starts now: the first step may hold the loop in which it would be started.
   */
  extendStallDeadline(untilMs: number): void {
    this.host.now();
    const { state } = this.host;
    const at = HeartbeatState.stallDeadline(this.place);
    if (untilMs > (state[at] as number)) state[at] = untilMs;
  }

  setDraining(): void {
    this.host.state[HeartbeatState.draining(this.place)] = 1;
  }

  /** Seconds since the lease was last renewed. */
  ageSeconds(): number {
    return this.renewedAt === 0 ? 0 : (performance.timeOrigin + performance.now() - this.renewedAt) / 1000;
  }

  /** The lease is renewed no more. Idempotent; safe before the start, during it, and while a dead thread is replaced. */
  stop(): Promise<void> {
    this.stopping ??= this.host.leave(this.place);
    return this.stopping;
  }

  threadStarted(): void {
    const { workerId, place: member } = this;
    const { killWhenStalled } = this.options;
    if (workerId !== undefined && this.stopping === undefined)
      this.host.post({ kind: 'renew', member, workerId, killWhenStalled });
  }

  receive(message: HeartbeatMessage): void {
    if (message.kind === 'renewed') {
      this.renewedAt = message.at;
      this.options.onPauses?.(message.pauses);
    } else if (message.kind === 'lost') this.options.onLost(message.workerId);
    else if (message.kind === 'stalled')
      this.options.onError(`the event loop stood still for ${Math.round(message.stalledMs)} ms: lease not renewed`);
  }

  stallDeadlineMs(): number {
    return this.options.stallDeadlineMs();
  }

  busySlots(): number {
    return this.options.busySlots();
  }

  failed(message: string, code?: string): void {
    this.options.onError(message, code);
  }
}
