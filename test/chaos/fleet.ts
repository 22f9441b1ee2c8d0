import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { QUEUES } from './queues.ts';

export type Role = 'worker' | 'scheduler';

export interface Member {
  readonly role: Role;
  /** Its place in the fleet; a process that ends is replaced in the same place. */
  readonly place: number;
  readonly pid: number;
  readonly startedAt: number;
  /** Set once the harness ended it on purpose: its end is expected. */
  expected: 'killed' | 'drained' | undefined;
  stoppedUntil: number;
}

export interface Exit {
  member: Member;
  at: number;
  code: number | null;
  signal: NodeJS.Signals | null;
  /** It had logged that its start was over. */
  hadStarted: boolean;
}

export interface FleetOptions {
  workers: number;
  schedulers: number;
  /** The database URL of a member. */
  urlOf: (role: Role, place: number) => string;
  env: Record<string, string>;
  /** Wall clock offsets of the workers by place, in milliseconds. */
  clockOffsetsMs?: readonly number[];
  workflows: string;
  logFolder: string;
}

const repository = fileURLToPath(new URL('../..', import.meta.url));
/** Like a container platform, the fleet starts a process again after a moment. */
const RESTART_AFTER_MS = 300;
/** Small, so that a memory bomb goes off soon. */
const WORKER_HEAP_MB = 320;
const WORKER_SLOTS = 16;

/** Real worker and scheduler processes, replaced when they end, until `drain`. */
export class Fleet {
  readonly exits: Exit[] = [];
  readonly started: Member[] = [];
  private readonly options: FleetOptions;
  private readonly living = new Map<number, { member: Member; child: ChildProcess }>();
  private keepUp = true;

  constructor(options: FleetOptions) {
    this.options = options;
    for (let place = 0; place < options.schedulers; place += 1) this.start('scheduler', place);
    for (let place = 0; place < options.workers; place += 1) this.start('worker', place);
  }

  members(role: Role): Member[] {
    return [...this.living.values()]
      .map(({ member }) => member)
      .filter((member) => member.role === role && member.expected === undefined)
      .toSorted((a, b) => a.place - b.place);
  }

  kill(member: Member): void {
    member.expected = 'killed';
    this.signal(member, 'SIGKILL');
  }

  stop(member: Member, ms: number): void {
    member.stoppedUntil = Date.now() + ms;
    this.signal(member, 'SIGSTOP');
    setTimeout(() => this.signal(member, 'SIGCONT'), ms);
  }

  /** Sends SIGTERM; returns how the process ended and after which time. Another process replaces it. */
  async terminate(member: Member): Promise<Exit & { tookMs: number }> {
    member.expected = 'drained';
    const at = Date.now();
    this.signal(member, 'SIGTERM');
    for (;;) {
      const exit = this.exits.find((candidate) => candidate.member === member);
      if (exit !== undefined) return { ...exit, tookMs: exit.at - at };
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Sends SIGTERM to every process and replaces none; kills and returns those that did not end within `withinMs`. */
  async drain(withinMs: number): Promise<Member[]> {
    this.keepUp = false;
    for (const { member } of this.living.values()) {
      member.expected ??= 'drained';
      this.signal(member, 'SIGCONT');
      this.signal(member, 'SIGTERM');
    }
    const deadline = Date.now() + withinMs;
    while (this.living.size > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
    const late = [...this.living.values()].map(({ member }) => member);
    for (const member of late) this.signal(member, 'SIGKILL');
    while (this.living.size > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    return late;
  }

  private signal(member: Member, signal: NodeJS.Signals): void {
    // By its handle: a process id that is no longer ours is never signalled.
    this.living.get(member.pid)?.child.kill(signal);
  }

  private start(role: Role, place: number): void {
    const { options } = this;
    const logFile = join(options.logFolder, `${role}-${place}.log`);
    const log = openSync(logFile, 'a');
    const offsetMs = role === 'worker' ? clockOffset(options.clockOffsetsMs ?? [0], place) : 0;
    const child = spawn(
      process.execPath,
      [
        '--import',
        new URL('./clock-offset.ts', import.meta.url).href,
        '--import',
        new URL('./watch-stalls.ts', import.meta.url).href,
        `--max-old-space-size=${WORKER_HEAP_MB}`,
        'src/cli/main.ts',
        role,
        ...(role === 'worker'
          ? ['--workflows', options.workflows, '--slots', String(WORKER_SLOTS), '--queues', QUEUES.join(',')]
          : []),
      ],
      {
        cwd: repository,
        env: {
          ...process.env,
          TASKER_METRICS_PORT: '0',
          TASKER_LOG_LEVEL: 'info',
          // On a shared machine a process may wait for a processor for longer than the 5 s after which it would be killed.
          TASKER_MAX_STALL_MS: '20000',
          ...options.env,
          DATABASE_URL: options.urlOf(role, place),
          CHAOS_CLOCK_OFFSET_MS: String(offsetMs),
        },
        stdio: ['ignore', log, log],
      },
    );
    closeSync(log);
    const member: Member = {
      role,
      place,
      pid: child.pid ?? -1,
      startedAt: Date.now(),
      expected: undefined,
      stoppedUntil: 0,
    };
    this.started.push(member);
    this.living.set(member.pid, { member, child });
    const ended = (code: number | null, signal: NodeJS.Signals | null): void => {
      if (!this.living.delete(member.pid)) return;
      this.exits.push({ member, at: Date.now(), code, signal, hadStarted: hasStarted(logFile, member) });
      if (this.keepUp) setTimeout(() => this.keepUp && this.start(role, place), RESTART_AFTER_MS);
    };
    child.once('error', () => ended(null, null));
    child.once('exit', ended);
  }
}

function hasStarted(logFile: string, { role, pid }: Member): boolean {
  return readFileSync(logFile, 'utf8')
    .split('\n')
    .some((line) => line.includes(`"pid":${pid},`) && line.includes(`"message":"${role} started"`));
}

function clockOffset(offsetsMs: readonly number[], place: number): number {
  return offsetsMs[place % offsetsMs.length] ?? 0;
}
