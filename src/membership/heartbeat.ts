import { Worker } from 'node:worker_threads';
import type { HeartbeatConnectionOptions } from '../db/heartbeat-connection.ts';

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
  | { kind: 'ready'; sessionLock: string | null }
  | { kind: 'beat'; at: number }
  | { kind: 'lost'; workerId: string }
  | { kind: 'stalled'; stalledMs: number }
  | { kind: 'error'; message: string }
  | { kind: 'stopped' };

export interface HeartbeatOptions extends Omit<HeartbeatData, 'shared'> {
  busySlots: () => number;
  /** The latest moment, in milliseconds of the epoch, until which a running step may hold the event loop. */
  allowedUntilMs: () => number;
  onLost: (workerId: string) => void;
  onError: (message: string) => void;
}

const TICK_MS = 100;

/** The main thread's side of the lease: starts the thread, moves the tick, hears of a lost lease. */
export class Heartbeat {
  private readonly state = new Float64Array(new SharedArrayBuffer(4 * Float64Array.BYTES_PER_ELEMENT));
  private readonly options: HeartbeatOptions;
  private thread: Worker | undefined;
  private ticker: NodeJS.Timeout | undefined;
  private lastBeat = 0;

  constructor(options: HeartbeatOptions) {
    this.options = options;
  }

  /** Starts the thread; answers the key of the session lock that it holds, if it can hold one. */
  async start(): Promise<string | null> {
    const { connection, intervalMs, maxStallMs, endsWhenStalled, onError } = this.options;
    const data: HeartbeatData = {
      connection,
      intervalMs,
      maxStallMs,
      endsWhenStalled,
      shared: this.state.buffer as SharedArrayBuffer,
    };
    this.tick();
    this.ticker = setInterval(() => this.tick(), TICK_MS).unref();
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const thread = new Worker(new URL(`./heartbeat-thread.${extension}`, import.meta.url), { workerData: data });
    this.thread = thread;
    return new Promise((resolve, reject) => {
      thread.once('error', reject);
      thread.on('message', (message: HeartbeatMessage) => {
        if (message.kind === 'ready') {
          // From here on the process lives by its own work, not by its heartbeat.
          thread.unref();
          resolve(message.sessionLock);
        } else if (message.kind === 'beat') this.lastBeat = message.at;
        else if (message.kind === 'lost') this.options.onLost(message.workerId);
        else if (message.kind === 'stalled')
          onError(`the event loop stood still for ${Math.round(message.stalledMs)} ms: lease not renewed`);
        else if (message.kind === 'error') onError(message.message);
      });
    });
  }

  /** Renews the lease of this worker id from now on. */
  lease(workerId: string): void {
    this.lastBeat = performance.timeOrigin + performance.now();
    this.post({ kind: 'lease', workerId });
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

  async stop(): Promise<void> {
    const thread = this.thread;
    this.thread = undefined;
    clearInterval(this.ticker);
    if (thread === undefined) return;
    thread.ref();
    const stopped = new Promise<void>((resolve) => {
      const timer = setTimeout(() => void thread.terminate(), 2000);
      thread.once('exit', () => {
        clearTimeout(timer);
        resolve();
      });
    });
    thread.postMessage({ kind: 'stop' } satisfies HeartbeatCommand);
    await stopped;
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
