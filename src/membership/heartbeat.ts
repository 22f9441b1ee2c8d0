import type { Worker } from 'node:worker_threads';
import { exponential, NO_JITTER } from '../backoff.ts';
import type { Config } from '../config/config.ts';
import type { HeartbeatConnectionOptions } from '../db/connections/heartbeat-connection.ts';
import { findHeartbeatProgram, hasPreloads, type HeartbeatProgram, startHeartbeatThread } from './heartbeat-program.ts';

/** `maxStallMs`: how long the main loop may stand still, past the stall deadline, before the lease is no longer renewed. */
export type HeartbeatSettings = Pick<Config, 'heartbeatIntervalMs' | 'maxStallMs'>;

/** What the thread is started with. */
export interface HeartbeatData extends HeartbeatSettings {
  connection: HeartbeatConnectionOptions;
  killWhenStalled: boolean;
  /** The numbers of HeartbeatState. */
  shared: SharedArrayBuffer;
}

/** Places in the memory that the two threads share. Times are milliseconds of the epoch. */
const HeartbeatState = { tick: 0, stallDeadline: 1, busySlots: 2, draining: 3 } as const;

export type HeartbeatCommand = { kind: 'renew'; workerId: string } | { kind: 'stop' };

export type HeartbeatMessage =
  | { kind: 'ready' }
  | { kind: 'renewed'; at: number; pauses: string | null }
  | { kind: 'lost'; workerId: string }
  | { kind: 'stalled'; stalledMs: number }
  | { kind: 'error'; message: string; code?: string | undefined }
  | { kind: 'stopped' };

export interface HeartbeatOptions {
  connection: HeartbeatConnectionOptions;
  settings: HeartbeatSettings;
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

const TICK_MS = 100;
/** Both below the 3 s (TASKER_SILENT_SECONDS) without a heartbeat after which a process whose session lock is free counts as dead. */
const FIRST_RESTART_MS = 100;
const LAST_RESTART_MS = 2000;
/** A thread that ran for at least this long resets the backoff of restarts. */
const SOUND_AFTER_MS = 30_000;
/** The thread holds one connection and some numbers: a leak ends the thread, which is started again, and not the process. */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 };

/**
 * The main thread's side of the heartbeat: starts the thread, and another if that one dies; moves the tick; reports a lost lease.
 */
export class Heartbeat {
  private readonly state = new Float64Array(
    new SharedArrayBuffer(Object.keys(HeartbeatState).length * Float64Array.BYTES_PER_ELEMENT),
  );
  private readonly options: HeartbeatOptions;
  private thread: Worker | undefined;
  private program: HeartbeatProgram | undefined;
  /** Start threads without Node's preloads: one died with them. */
  private bare = false;
  /** When the thread became ready; undefined while it starts. */
  private readyAt: number | undefined;
  private readonly backoff = exponential({ minMs: FIRST_RESTART_MS, maxMs: LAST_RESTART_MS, jitter: NO_JITTER });
  private restarting: NodeJS.Timeout | undefined;
  private ticker: NodeJS.Timeout | undefined;
  /** The worker id whose lease is renewed. */
  private workerId: string | undefined;
  /** Milliseconds of the epoch; 0 before the first. */
  private renewedAt = 0;
  private starting: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;

  constructor(options: HeartbeatOptions) {
    this.options = options;
  }

  /** Starts the thread; resolves when it has requested the session lock. */
  start(): Promise<void> {
    this.starting ??= this.doStart();
    return this.starting;
  }

  private async doStart(): Promise<void> {
    this.program = await findHeartbeatProgram();
    if (this.stopping !== undefined) throw new Error('the heartbeat thread did not start: stopped before');
    this.tick();
    this.ticker = setInterval(() => this.tick(), TICK_MS).unref();
    await new Promise<void>((ready, failed) => this.launch({ ready, failed }));
  }

  /** Renews the lease of this worker id from now on. */
  renew(workerId: string): void {
    this.renewedAt = performance.timeOrigin + performance.now();
    this.workerId = workerId;
    if (this.readyAt !== undefined) this.post({ kind: 'renew', workerId });
  }

  /** Moves the stall deadline to `untilMs` if that is later. The next tick sets it to that of the steps which run then. */
  extendStallDeadline(untilMs: number): void {
    if (untilMs > (this.state[HeartbeatState.stallDeadline] as number))
      this.state[HeartbeatState.stallDeadline] = untilMs;
  }

  setDraining(): void {
    this.state[HeartbeatState.draining] = 1;
  }

  /** Seconds since the lease was last renewed. */
  ageSeconds(): number {
    return this.renewedAt === 0 ? 0 : (performance.timeOrigin + performance.now() - this.renewedAt) / 1000;
  }

  /** Idempotent; safe before the start, during it, and while a dead thread is replaced. */
  stop(): Promise<void> {
    this.stopping ??= this.doStop();
    return this.stopping;
  }

  private async doStop(): Promise<void> {
    clearInterval(this.ticker);
    clearTimeout(this.restarting);
    const { thread } = this;
    if (thread === undefined) return;
    thread.ref();
    const exited = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
    // A thread that is not ready yet holds nothing that would have to be closed in order.
    const timer = setTimeout(() => void thread.terminate(), this.readyAt === undefined ? 0 : 1000);
    this.post({ kind: 'stop' });
    await exited;
    clearTimeout(timer);
  }

  private launch(first?: { ready: () => void; failed: (error: Error) => void }): void {
    const { connection, settings, killWhenStalled } = this.options;
    const data: HeartbeatData = {
      connection,
      heartbeatIntervalMs: settings.heartbeatIntervalMs,
      maxStallMs: settings.maxStallMs,
      killWhenStalled,
      shared: this.state.buffer as SharedArrayBuffer,
    };
    const options = { workerData: data, resourceLimits: RESOURCE_LIMITS };
    const thread = startHeartbeatThread(this.program as HeartbeatProgram, options, this.bare);
    this.thread = thread;
    // Once started, the process is kept alive by its own work, not by its heartbeat.
    if (first === undefined) thread.unref();
    let reason: unknown;
    thread.on('message', (message: HeartbeatMessage) => {
      if (message.kind === 'ready') {
        thread.unref();
        this.readyAt = performance.now();
        if (this.workerId !== undefined) this.post({ kind: 'renew', workerId: this.workerId });
        first?.ready();
      } else this.receive(message);
    });
    thread.on('error', (error) => (reason = error));
    // Emitted after every end, also after an error and after an exhausted heap.
    thread.once('exit', (code) => {
      const livedMs = this.readyAt === undefined ? 0 : performance.now() - this.readyAt;
      const starts = first !== undefined && this.readyAt === undefined;
      this.thread = undefined;
      this.readyAt = undefined;
      const why = reason === undefined ? `status ${code}` : reason instanceof Error ? reason.message : String(reason);
      // A preload that fails in threads, or does not fit into their memory. `terminate` leaves no reason.
      const preloadsAtFault =
        reason !== undefined && (starts || livedMs === 0 || isOutOfMemory(reason)) && hasPreloads();
      if (preloadsAtFault && !this.bare && this.stopping === undefined) {
        this.bare = true;
        if (starts) {
          this.options.onError(`the heartbeat thread did not start (${why}): starting it without Node's preloads`);
          return this.launch(first);
        }
      }
      if (starts) first.failed(new Error(`the heartbeat thread did not start: ${why}`, { cause: reason }));
      else if (this.stopping === undefined) this.restart(why, livedMs);
    });
  }

  /** Soon: the lease is valid for a while only, and the session lock is free once the server has noticed the thread's death. */
  private restart(why: string, livedMs: number): void {
    if (livedMs >= SOUND_AFTER_MS) this.backoff.reset();
    const delayMs = this.backoff.next();
    this.options.onError(`the heartbeat thread died (${why}): starting another in ${delayMs} ms`);
    this.restarting = setTimeout(() => {
      try {
        this.launch();
      } catch (error) {
        this.restart(error instanceof Error ? error.message : String(error), 0);
      }
    }, delayMs).unref();
  }

  private receive(message: HeartbeatMessage): void {
    if (message.kind === 'renewed') {
      this.renewedAt = message.at;
      this.options.onPauses?.(message.pauses);
    } else if (message.kind === 'lost') this.options.onLost(message.workerId);
    else if (message.kind === 'stalled')
      this.options.onError(`the event loop stood still for ${Math.round(message.stalledMs)} ms: lease not renewed`);
    else if (message.kind === 'error') this.options.onError(message.message, message.code);
  }

  private tick(): void {
    this.state[HeartbeatState.tick] = performance.timeOrigin + performance.now();
    this.state[HeartbeatState.stallDeadline] = this.options.stallDeadlineMs();
    this.state[HeartbeatState.busySlots] = this.options.busySlots();
  }

  private post(command: HeartbeatCommand): void {
    this.thread?.postMessage(command);
  }
}

function isOutOfMemory(reason: unknown): boolean {
  return (reason as { code?: unknown }).code === 'ERR_WORKER_OUT_OF_MEMORY';
}
