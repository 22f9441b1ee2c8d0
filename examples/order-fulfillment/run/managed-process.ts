import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

export interface ProcessSpec {
  /** For people: `worker 1`. */
  name: string;
  /** Script and arguments; called for every start. */
  args: () => string[];
  /** Called for every start. */
  env: () => Record<string, string>;
  /** Runs before a process that ended is started again. */
  beforeRestart?: () => Promise<void>;
  logFile: string;
  /** Whether the process works now. Called repeatedly while it starts; a failure counts as no. */
  isReady: (child: ChildProcess) => Promise<boolean>;
}

export interface ProcessEvents {
  /** It ended by itself, and is started again. */
  restarting: (message: string) => void;
  /** It ended too often: it is not started again. */
  givenUp: (error: Error) => void;
}

/** More ends than this within the window have a lasting cause. */
const mostRestarts = 5;
const restartWindowMs = 60_000;
const firstDelayMs = 100;
const readyWithinMs = 60_000;
const readyPollMs = 50;

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const exitWithParent = new URL('../exit-with-parent.ts', import.meta.url).href;

/**
 * A process of the fleet: started, watched, started again when it dies, stopped.
 *
 * It gets a session of its own, so that Ctrl-C reaches only the program that started it and the fleet stops in order; and a
 * channel that closes when this program is gone (exit-with-parent.ts).
 */
export class ManagedProcess {
  readonly name: string;
  restarts = 0;
  readonly #spec: ProcessSpec;
  readonly #events: ProcessEvents;
  #child: ChildProcess | undefined;
  #exited: Promise<string> = Promise.resolve('not started');
  #stopping = false;
  #wakeUp = (): void => {};
  #diedAt: number[] = [];

  constructor(spec: ProcessSpec, events: ProcessEvents) {
    this.name = spec.name;
    this.#spec = spec;
    this.#events = events;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts the process and resolves when it is ready. Rejects if it does not become ready. */
  async start(): Promise<void> {
    this.#spawn();
    void this.#supervise();
    const deadline = Date.now() + readyWithinMs;
    while (!this.#stopping) {
      const child = this.#child;
      if (child !== undefined && (await this.#spec.isReady(child).catch(() => false))) return;
      if (Date.now() > deadline) throw await this.#failure(`was not ready after ${readyWithinMs / 1000} s`);
      await new Promise((resolve) => setTimeout(resolve, readyPollMs));
    }
    if (this.#diedAt.length > mostRestarts) throw await this.#failure('ends whenever it is started');
  }

  /** Sends the process a signal to end, and kills it after the grace or when `stopNow` is aborted. True if it ended by itself. */
  async stop(graceMs: number, stopNow: AbortSignal): Promise<boolean> {
    this.#stopping = true;
    this.#wakeUp();
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return true;
    let killed = false;
    const kill = (): void => {
      killed = true;
      child.kill('SIGKILL');
    };
    const timer = setTimeout(kill, graceMs);
    stopNow.addEventListener('abort', kill, { once: true });
    if (stopNow.aborted) kill();
    else child.kill('SIGTERM');
    await this.#exited;
    clearTimeout(timer);
    stopNow.removeEventListener('abort', kill);
    return !killed;
  }

  #spawn(): void {
    const log = openSync(this.#spec.logFile, 'a');
    const child = spawn(process.execPath, ['--import', exitWithParent, ...this.#spec.args()], {
      cwd: repository,
      env: { ...process.env, ...this.#spec.env() },
      // Directly into the file: nothing is lost if this program dies first.
      stdio: ['ignore', log, log, 'ipc'],
      detached: true,
    });
    closeSync(log);
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) => resolve(`could not be started: ${error.message}`));
      child.once('exit', (code, signal) =>
        resolve(signal === null ? `ended with status ${code}` : `was ended by ${signal}`),
      );
    });
  }

  async #supervise(): Promise<void> {
    for (;;) {
      const how = await this.#exited;
      if (this.#stopping) return;
      const now = Date.now();
      this.#diedAt = [...this.#diedAt.filter((at) => now - at < restartWindowMs), now];
      if (this.#diedAt.length > mostRestarts) {
        this.#stopping = true;
        this.#events.givenUp(await this.#failure(`${how}, for the ${this.#diedAt.length}th time within a minute`));
        return;
      }
      const delayMs = firstDelayMs * 2 ** (this.#diedAt.length - 1);
      this.#events.restarting(`${this.name} (pid ${this.pid}) ${how}: starting it again`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, delayMs);
        this.#wakeUp = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      if (this.#stopping) return;
      await this.#spec.beforeRestart?.();
      if (this.#stopping) return;
      this.restarts += 1;
      this.#spawn();
    }
  }

  async #failure(what: string): Promise<Error> {
    const log = await readFile(this.#spec.logFile, 'utf8').catch(() => '');
    const end = log.trimEnd().split('\n').slice(-8).join('\n');
    return new Error(`${this.name} ${what}. The end of ${this.#spec.logFile}:\n${end}`);
  }
}
