import type { Worker } from 'node:worker_threads';
import { exponential, NO_JITTER } from '../backoff.ts';
import type { HeartbeatConnectionOptions } from '../db/connections/heartbeat-connection.ts';
import { findHeartbeatProgram, hasPreloads, type HeartbeatProgram, startHeartbeatThread } from './heartbeat-program.ts';
import {
  type HeartbeatCommand,
  type HeartbeatData,
  type HeartbeatMessage,
  type HeartbeatSettings,
  HeartbeatState,
} from './heartbeat-protocol.ts';

export interface HeartbeatHostOptions {
  /** With a session lock for each member. Null in their place: none, but members all the same. */
  connection: HeartbeatConnectionOptions;
  /** How many processes of the fleet this thread beats for. */
  members: number;
  settings: HeartbeatSettings;
  /**
   * Members may register before the thread runs. It starts with the first step, before the code of it, or a moment after the first member has
   * registered. Default false: `start` waits for it.
   */
  startsLate?: boolean | undefined;
}

/** A member as its thread sees it. */
export interface HeartbeatMember {
  stallDeadlineMs(): number;
  busySlots(): number;
  /** Sends what a thread that has just started does not know. */
  threadStarted(): void;
  receive(message: HeartbeatMessage): void;
  /** Of the thread or its connection. */
  failed(message: string, code?: string): void;
}

const TICK_MS = 100;
/** Both below the 3 s (TASKER_SILENT_SECONDS) without a heartbeat after which a process whose session lock is free counts as dead. */
const FIRST_RESTART_MS = 100;
const LAST_RESTART_MS = 2000;
/** A thread that ran for at least this long resets the backoff of restarts. */
const SOUND_AFTER_MS = 30_000;
/**
 * A thread takes a processor for as long as a program on two takes from its registration to its first result. A process that is registered has
 * TASKER_SILENT_SECONDS until its session lock counts.
 */
const LATE_START_MS = 100;
/** For what a member that leaves waits: its last heartbeat may be under way on a connection that went silent. */
const LEAVE_TIMEOUT_MS = 1000;

/** Owns the heartbeat thread: starts it, and another if that one dies; moves the tick; ends it when its last member leaves. */
export class HeartbeatHost {
  readonly state: Float64Array;
  private readonly options: HeartbeatHostOptions;
  private readonly members: (HeartbeatMember | undefined)[] = [];
  private readonly leaving = new Map<number, () => void>();
  private thread: Worker | undefined;
  private program: HeartbeatProgram | undefined;
  /** Start threads without Node's preloads: one died with them. */
  private bare = false;
  /** When the thread became ready; undefined while it starts. */
  private readyAt: number | undefined;
  private readonly backoff = exponential({ minMs: FIRST_RESTART_MS, maxMs: LAST_RESTART_MS, jitter: NO_JITTER });
  private restarting: NodeJS.Timeout | undefined;
  private ticker: NodeJS.Timeout | undefined;
  /** Of a thread that starts late; undefined: it has been started, or nobody needs it yet. */
  private late: NodeJS.Timeout | undefined;
  private isLate: boolean;
  private starting: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;

  constructor(options: HeartbeatHostOptions) {
    this.options = options;
    this.isLate = options.startsLate === true;
    const bytes = HeartbeatState.length(options.members) * Float64Array.BYTES_PER_ELEMENT;
    this.state = new Float64Array(new SharedArrayBuffer(bytes));
  }

  /** Takes the next place. Returns its number, and the session lock that the thread holds for it. */
  join(member: HeartbeatMember): { place: number; sessionLock: string | null } {
    const place = this.members.push(member) - 1;
    if (place >= this.options.members) throw new Error(`the heartbeat thread has ${this.options.members} place(s)`);
    return { place, sessionLock: this.options.connection.sessionLocks?.[place] ?? null };
  }

  /** Starts the thread; resolves when it has requested the session locks, or at once if it starts late. */
  start(): Promise<void> {
    this.starting ??= this.doStart();
    return this.starting;
  }

  /** A member has registered: from now on a thread that starts late is awaited by others. */
  soon(): void {
    if (this.isLate && this.stopping === undefined) this.late ??= setTimeout(() => this.now(), LATE_START_MS);
  }

  /** Starts a thread that has waited until now. */
  now(): void {
    if (!this.isLate || this.program === undefined || this.stopping !== undefined) return;
    this.isLate = false;
    clearTimeout(this.late);
    this.launchAgain();
  }

  post(command: HeartbeatCommand): void {
    this.thread?.postMessage(command);
  }

  /** Ends what the thread does for one member, and the thread with its last one. */
  async leave(place: number): Promise<void> {
    this.members[place] = undefined;
    if (this.members.every((member) => member === undefined)) return this.stop();
    if (this.readyAt === undefined) return;
    const left = new Promise<void>((resolve) => this.leaving.set(place, resolve));
    this.post({ kind: 'leave', member: place });
    const timer = setTimeout(() => this.leaving.get(place)?.(), LEAVE_TIMEOUT_MS);
    await left;
    clearTimeout(timer);
    this.leaving.delete(place);
  }

  /** Idempotent; safe before the start, during it, and while a dead thread is replaced. */
  stop(): Promise<void> {
    this.stopping ??= this.doStop();
    return this.stopping;
  }

  private async doStart(): Promise<void> {
    this.program = await findHeartbeatProgram();
    if (this.stopping !== undefined) throw new Error('the heartbeat thread did not start: stopped before');
    this.tick();
    this.ticker = setInterval(() => this.tick(), TICK_MS).unref();
    if (!this.isLate) await new Promise<void>((ready, failed) => this.launch({ ready, failed }));
    else if (threadsAreForbidden()) throw new Error('the heartbeat thread did not start: allow it with --allow-worker');
  }

  private async doStop(): Promise<void> {
    clearInterval(this.ticker);
    clearTimeout(this.late);
    clearTimeout(this.restarting);
    const { thread } = this;
    if (thread === undefined) return;
    thread.ref();
    const exited = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
    // A thread that is not ready yet holds nothing that would have to be closed in order.
    const timer = setTimeout(() => void thread.terminate(), this.readyAt === undefined ? 0 : 1000);
    thread.postMessage({ kind: 'stop' } satisfies HeartbeatCommand);
    await exited;
    clearTimeout(timer);
  }

  private launch(first?: { ready: () => void; failed: (error: Error) => void }): void {
    const { connection, settings } = this.options;
    const data: HeartbeatData = {
      connection,
      heartbeatIntervalMs: settings.heartbeatIntervalMs,
      maxStallMs: settings.maxStallMs,
      shared: this.state.buffer as SharedArrayBuffer,
    };
    const thread = startHeartbeatThread(this.program as HeartbeatProgram, this.bare);
    thread.postMessage({ kind: 'begin', data } satisfies HeartbeatCommand);
    this.thread = thread;
    // In the same breath: a step may hold the loop from now on.
    for (const member of this.members) member?.threadStarted();
    // Once started, the process is kept alive by its own work, not by its heartbeat.
    if (first === undefined) thread.unref();
    let reason: unknown;
    thread.on('message', (message: HeartbeatMessage) => {
      if (message.kind === 'ready') {
        thread.unref();
        this.readyAt = performance.now();
        for (const [member, here] of this.members.entries()) {
          if (here === undefined) this.post({ kind: 'leave', member });
          else here.threadStarted();
        }
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
      for (const left of this.leaving.values()) left();
      const why = reason === undefined ? `status ${code}` : reason instanceof Error ? reason.message : String(reason);
      // A preload that fails in threads, or does not fit into their memory. `terminate` leaves no reason.
      const preloadsAtFault =
        reason !== undefined && (starts || livedMs === 0 || isOutOfMemory(reason)) && hasPreloads();
      if (preloadsAtFault && !this.bare && this.stopping === undefined) {
        this.bare = true;
        if (starts) {
          this.failed(`the heartbeat thread did not start (${why}): starting it without Node's preloads`);
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
    this.failed(`the heartbeat thread died (${why}): starting another in ${delayMs} ms`);
    this.restarting = setTimeout(() => this.launchAgain(), delayMs).unref();
  }

  private launchAgain(): void {
    try {
      this.launch();
    } catch (error) {
      this.restart(error instanceof Error ? error.message : String(error), 0);
    }
  }

  private receive(message: HeartbeatMessage): void {
    if (message.kind === 'error') this.failed(message.message, message.code);
    else if (message.kind === 'left') this.leaving.get(message.member)?.();
    else if ('member' in message) this.members[message.member]?.receive(message);
  }

  private failed(message: string, code?: string): void {
    for (const member of this.members) member?.failed(message, code);
  }

  private tick(): void {
    const { state } = this;
    state[HeartbeatState.tick] = performance.timeOrigin + performance.now();
    for (const [place, member] of this.members.entries()) {
      if (member === undefined) continue;
      state[HeartbeatState.stallDeadline(place)] = member.stallDeadlineMs();
      state[HeartbeatState.busySlots(place)] = member.busySlots();
    }
  }
}

/** Node's permission model can forbid threads. */
function threadsAreForbidden(): boolean {
  const { permission } = process as { permission?: { has(scope: string): boolean } };
  return permission?.has('worker') === false;
}

function isOutOfMemory(reason: unknown): boolean {
  return (reason as { code?: unknown }).code === 'ERR_WORKER_OUT_OF_MEMORY';
}
