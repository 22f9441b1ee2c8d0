import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { withTimeout } from '../../process/with-timeout.ts';
import { type Begin, type End, PROGRAM, type Report, type WorkerProgram } from './messages.ts';

const MAX_OUTPUT = 4000;
/** Nothing runs in it any more. One that does not stop is killed afterwards. */
const END_WITHIN_MS = 10_000;

/** A worker in a process of its own, with the workflow loaded; it does nothing before `begin`. */
export class CrashProcess {
  private readonly child: ChildProcess;
  private readonly loaded: Promise<void>;
  private output = '';
  private failure: Error | undefined;
  private hasExited = false;

  constructor(program: WorkerProgram, execArgv: readonly string[]) {
    const path = fileURLToPath(new URL(`crash-worker${extname(import.meta.url)}`, import.meta.url));
    // A variable by which node:test recognizes its own children.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    this.child = fork(path, [], {
      env: { ...env, [PROGRAM]: JSON.stringify(program) },
      execArgv: [...execArgv],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.output = (this.output + text).slice(-MAX_OUTPUT);
    });
    this.child.once('exit', () => (this.hasExited = true));
    this.loaded = this.untilLoaded();
    // `begin` rejects with it.
    this.loaded.catch(() => undefined);
  }

  /** Whether it has ended, as a worker that reached its boundary does. Throws for one that could not work at all. */
  get exited(): boolean {
    if (this.failure !== undefined) throw this.failure;
    if (this.hasExited && this.child.signalCode !== 'SIGKILL') throw this.ended();
    return this.hasExited;
  }

  async begin(begin: Begin): Promise<void> {
    await this.loaded;
    this.child.send(begin);
  }

  /** Stops it in order, or waits for its death if it is about to reach its boundary. */
  async end(): Promise<void> {
    if (this.hasExited) return;
    const exited = once(this.child, 'exit');
    this.child.send({ end: true } satisfies End, () => undefined);
    await withTimeout(exited, END_WITHIN_MS);
  }

  async kill(): Promise<void> {
    if (this.hasExited) return;
    const exited = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exited;
  }

  private async untilLoaded(): Promise<void> {
    const loaded = Promise.withResolvers<void>();
    this.child.on('message', (report: Report) => {
      if ('loaded' in report) return loaded.resolve();
      this.failure = new Error(`a worker of crashAtEveryBoundary failed: ${report.failed}`);
      return loaded.reject(this.failure);
    });
    this.child.once('exit', () => loaded.reject(this.ended()));
    await loaded.promise;
  }

  private ended(): Error {
    const { exitCode, signalCode } = this.child;
    return new Error(
      `a worker of crashAtEveryBoundary ended by itself (${signalCode ?? `exit code ${exitCode}`}): ${this.output.trim() || 'it wrote no error'}`,
    );
  }
}
