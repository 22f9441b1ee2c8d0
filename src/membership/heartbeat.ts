import type { Worker } from 'node:worker_threads';
import { exponential, NO_JITTER } from '../backoff.ts';
import type { HeartbeatConnectionOptions } from '../db/connections/heartbeat-connection.ts';
import { findHeartbeatProgram, hasPreloads, type HeartbeatProgram, startHeartbeatThread } from './heartbeat-program.ts';

export interface HeartbeatData {
  connection: HeartbeatConnectionOptions;
  intervalMs: number;
  /** How long the main loop may stand still, outside the declared time of any running step, before the lease is let go. */
  maxStallMs: number;
  endsWhenStalled: boolean;
  shared: SharedArrayBuffer;
}

export type HeartbeatCommand = { kind: 'lease'; workerId: string } | { kind: 'stop' };

export type HeartbeatMessage =
  | { kind: 'ready' }
  | { kind: 'beat'; at: number }
  | { kind: 'lost'; workerId: string }
  | { kind: 'stalled'; stalledMs: number }
  | { kind: 'error'; message: string; code?: string | undefined }
  | { kind: 'stopped' };

export interface HeartbeatOptions extends Omit<HeartbeatData, 'shared'> {
  busySlots: () => number;
  /** The latest moment, in milliseconds of the epoch, until which a running step may hold the event loop. */
  allowedUntilMs: () => number;
  onLost: (workerId: string) => void;
  /** `code`: of the error, if it has one. */
  onError: (message: string, code?: string) => void;
}

const TICK_MS = 100;
/** Both below the silence (3 s) after which a process counts as dead whose session lock nobody holds. */
const FIRST_RESTART_MS = 100;
const LAST_RESTART_MS = 2000;
/** A thread that lived for so long did not die of what the one before it died of. */
const SOUND_AFTER_MS = 30_000;
/** It holds one connection and some numbers: a leak ends the thread, which is started again, and not the process. */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 };

/**
 * The main thread's side of the lease: starts the thread, and another when that one dies; moves the tick, hears of a lost
 * lease.
 */
export class Heartbeat {
  private readonly state = new Float64Array(new SharedArrayBuffer(4 * Float64Array.BYTES_PER_ELEMENT));
  private readonly options: HeartbeatOptions;
  private thread: Worker | undefined;
  private program: HeartbeatProgram | undefined;
  /** Without Node's preloads: a thread died with them. */
  private bare = false;
  /** When the thread said that it is ready; undefined while it starts. */
  private readyAt: number | undefined;
  private readonly backoff = exponential({ minMs: FIRST_RESTART_MS, maxMs: LAST_RESTART_MS, jitter: NO_JITTER });
  private restarting: NodeJS.Timeout | undefined;
  private ticker: NodeJS.Timeout | undefined;
  private leased: string | undefined;
  private lastBeat = 0;
  private stopping: Promise<void> | undefined;

  constructor(options: HeartbeatOptions) {
    this.options = options;
  }

  /** Starts the thread; resolves when it has asked for the session lock. */
  async start(): Promise<void> {
    this.program = await findHeartbeatProgram();
    if (this.stopping !== undefined) throw new Error('the heartbeat thread did not start: stopped before');
    this.tick();
    this.ticker = setInterval(() => this.tick(), TICK_MS).unref();
    await new Promise<void>((ready, failed) => this.launch({ ready, failed }));
  }

  /** Renews the lease of this worker id from now on. */
  lease(workerId: string): void {
    this.lastBeat = performance.timeOrigin + performance.now();
    this.leased = workerId;
    if (this.readyAt !== undefined) this.post({ kind: 'lease', workerId });
  }

  /** The next tick has the whole truth; until then this can only make it later. */
  allow(untilMs: number): void {
    if (untilMs > (this.state[1] as number)) this.state[1] = untilMs;
  }

  setDraining(): void {
    this.state[3] = 1;
  }

  /** Seconds since the lease was last renewed. */
  ageSeconds(): number {
    return this.lastBeat === 0 ? 0 : (performance.timeOrigin + performance.now() - this.lastBeat) / 1000;
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
    // One that is not ready yet holds nothing that would have to be closed in order.
    const timer = setTimeout(() => void thread.terminate(), this.readyAt === undefined ? 0 : 1000);
    this.post({ kind: 'stop' });
    await exited;
    clearTimeout(timer);
  }

  private launch(first?: { ready: () => void; failed: (error: Error) => void }): void {
    const { connection, intervalMs, maxStallMs, endsWhenStalled } = this.options;
    const data: HeartbeatData = {
      connection,
      intervalMs,
      maxStallMs,
      endsWhenStalled,
      shared: this.state.buffer as SharedArrayBuffer,
    };
    const options = { workerData: data, resourceLimits: RESOURCE_LIMITS };
    const thread = startHeartbeatThread(this.program as HeartbeatProgram, options, this.bare);
    this.thread = thread;
    // From its start on the process lives by its own work, not by its heartbeat.
    if (first === undefined) thread.unref();
    let reason: unknown;
    thread.on('message', (message: HeartbeatMessage) => {
      if (message.kind === 'ready') {
        thread.unref();
        this.readyAt = performance.now();
        if (this.leased !== undefined) this.post({ kind: 'lease', workerId: this.leased });
        first?.ready();
      } else this.heard(message);
    });
    thread.on('error', (error) => (reason = error));
    // Comes after every end, also after an error and after a heap that is exhausted.
    thread.once('exit', (code) => {
      const lived = this.readyAt === undefined ? 0 : performance.now() - this.readyAt;
      const starts = first !== undefined && this.readyAt === undefined;
      this.thread = undefined;
      this.readyAt = undefined;
      const why = reason === undefined ? `status ${code}` : reason instanceof Error ? reason.message : String(reason);
      // A preload that fails in threads, or does not fit into their memory. `terminate` leaves no reason.
      const preloadsAtFault = reason !== undefined && (starts || lived === 0 || isOutOfMemory(reason)) && hasPreloads();
      if (preloadsAtFault && !this.bare && this.stopping === undefined) {
        this.bare = true;
        if (starts) {
          this.options.onError(`the heartbeat thread did not start (${why}): starting it without Node's preloads`);
          return this.launch(first);
        }
      }
      if (starts) first.failed(new Error(`the heartbeat thread did not start: ${why}`, { cause: reason }));
      else if (this.stopping === undefined) this.restart(why, lived);
    });
  }

  /** The lease is still valid for a while, and the session lock is free as soon as the server has noticed the death. */
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

  private heard(message: HeartbeatMessage): void {
    if (message.kind === 'beat') this.lastBeat = message.at;
    else if (message.kind === 'lost') this.options.onLost(message.workerId);
    else if (message.kind === 'stalled')
      this.options.onError(`the event loop stood still for ${Math.round(message.stalledMs)} ms: lease not renewed`);
    else if (message.kind === 'error') this.options.onError(message.message, message.code);
  }

  private tick(): void {
    this.state[0] = performance.timeOrigin + performance.now();
    this.state[1] = this.options.allowedUntilMs();
    this.state[2] = this.options.busySlots();
  }

  private post(command: HeartbeatCommand): void {
    this.thread?.postMessage(command);
  }
}

function isOutOfMemory(reason: unknown): boolean {
  return (reason as { code?: unknown }).code === 'ERR_WORKER_OUT_OF_MEMORY';
}
