import { relative } from 'node:path';
import { exponential, NO_JITTER } from '../backoff.ts';
import type { Logger } from '../logger.ts';
import type { ServedWorkflow } from './messages.ts';
import { FileWatch } from './watch-files.ts';
import { DevWorkerProcess } from './worker-process.ts';

export interface GenerationsOptions {
  /** Of this program: makes a worker process. `first`: not after a crash, when nothing has changed. */
  args: (first: boolean) => readonly string[];
  env: NodeJS.ProcessEnv;
  log: Logger;
  /** Watched beside what the workflows import: their own paths, and what the user named. */
  paths: readonly string[];
  /** After the start with new code. */
  onStarted: (workflows: readonly ServedWorkflow[], reloaded: boolean) => void;
  /** The code does not load, or its worker does not start. */
  onFailed: () => void;
  onTaskEnded: (taskId: string, state: 'complete' | 'error') => void;
  /** The task of `--submit` could not be submitted. */
  onNotSubmitted: () => void;
}

/**
 * Keeps one worker process running with the newest code that loads. On a change, a new process loads the code; if that
 * succeeds it starts, and the former one drains. If it does not, the former one runs on.
 */
export class Generations {
  private readonly options: GenerationsOptions;
  private readonly files: FileWatch;
  private readonly imported = new Set<string>();
  private readonly processes = new Set<DevWorkerProcess>();
  private readonly crashes = exponential({ minMs: 500, maxMs: 10_000, jitter: NO_JITTER });
  private current: DevWorkerProcess | undefined;
  private loading: DevWorkerProcess | undefined;
  private turn: Promise<void> = Promise.resolve();
  private wanted = 0;
  private stopped = false;

  constructor(options: GenerationsOptions) {
    this.options = options;
    this.files = new FileWatch((changed) => this.changed(changed));
  }

  /** Starts the first process. Resolves when it runs, or has failed: then the next change of a file starts another. */
  async start(): Promise<void> {
    this.files.watch(this.options.paths);
    await this.next(true, false);
  }

  /** Drains all processes. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.files.stop();
    await Promise.all([...this.processes].map((each) => each.drain()));
  }

  kill(): void {
    for (const each of this.processes) each.kill();
  }

  private changed(files: readonly string[]): void {
    const names = files.map((file) => relative('', file));
    this.options.log.info(`${names.join(', ')} changed`);
    this.crashes.reset();
    void this.next(true, true);
  }

  /** One after the other. A process that still loads is ended when a newer one is wanted: its code may wait for ever. */
  private next(first: boolean, reloaded: boolean): Promise<void> {
    this.wanted += 1;
    const mine = this.wanted;
    this.loading?.kill();
    this.turn = this.turn.then(() => this.replace(first, reloaded, () => mine !== this.wanted || this.stopped));
    return this.turn;
  }

  private async replace(first: boolean, reloaded: boolean, isOutdated: () => boolean): Promise<void> {
    if (isOutdated()) return;
    const { log, onStarted, onFailed } = this.options;
    const former = this.current;
    const worker = this.make(first);
    this.loading = worker;
    const unloadable = await worker.loaded;
    this.loading = undefined;
    const served = unloadable ?? (isOutdated() ? 'outdated' : await worker.start());
    if (typeof served === 'string') {
      if (isOutdated()) {
        worker.kill();
        return;
      }
      await worker.killAfter(1000);
      const rest = former === undefined ? 'waiting for a change' : 'the last version that loads runs on';
      log.error(`${served}\n${rest}`);
      onFailed();
      return;
    }
    this.current = worker;
    onStarted(served, reloaded);
    // Not waited for: a long step of the former code may end while the new code runs.
    void former?.drain();
  }

  private make(first: boolean): DevWorkerProcess {
    const { args, env, onTaskEnded, onNotSubmitted } = this.options;
    const worker = new DevWorkerProcess(args(first), env, {
      imported: (files) => {
        for (const file of files) this.imported.add(file);
        if (!this.stopped) this.files.watch([...this.options.paths, ...this.imported]);
      },
      taskEnded: onTaskEnded,
      notSubmitted: onNotSubmitted,
    });
    this.processes.add(worker);
    void this.forget(worker);
    return worker;
  }

  private async forget(worker: DevWorkerProcess): Promise<void> {
    const how = await worker.ended;
    this.processes.delete(worker);
    if (this.current !== worker) return;
    this.current = undefined;
    if (how !== undefined && !this.stopped) this.crashed(how);
  }

  private crashed(how: string): void {
    const delayMs = this.crashes.next();
    this.options.log.error(
      `the worker ended (${how}); another one starts in ${(delayMs / 1000).toFixed(1)} s, and its steps run again`,
    );
    setTimeout(() => void this.next(false, false), delayMs);
  }
}
