import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FromWorker, ServedWorkflow, ToWorker } from './messages.ts';

/** How a worker process ended, in words for people; undefined: as it was asked to. */
export type WorkerEnd = string | undefined;

export interface WorkerProcessEvents {
  imported(files: readonly string[]): void;
  taskEnded(taskId: string, state: 'complete' | 'error'): void;
  notSubmitted(): void;
}

/**
 * One worker of `tasker dev`, in a process of its own: a module that was imported cannot be unloaded, so new code needs a
 * new process. It loads the code first, and runs steps when `start` is called.
 */
export class DevWorkerProcess {
  /** Resolves when its modules are loaded: undefined, or what is wrong with them. */
  readonly loaded: Promise<string | undefined>;
  readonly ended: Promise<WorkerEnd>;
  private readonly child: ChildProcess;
  private readonly started = Promise.withResolvers<ServedWorkflow[] | string>();
  private asked = false;

  /** `args`: of this very program, for the process. */
  constructor(args: readonly string[], env: NodeJS.ProcessEnv, events: WorkerProcessEvents) {
    const [, program = ''] = process.argv;
    // This process has the port of the debugger already.
    const execArgv = process.execArgv.filter((flag) => !flag.startsWith('--inspect'));
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const;
    // Detached: Ctrl-C in a terminal reaches this process only, which knows what is to end in which order.
    this.child = fork(program, args, { env, execArgv, detached: true, stdio: [...stdio] });
    const loaded = Promise.withResolvers<string | undefined>();
    this.loaded = loaded.promise;
    const end = Promise.withResolvers<WorkerEnd>();
    this.ended = end.promise;
    const over = (how: WorkerEnd): void => {
      const problem = `the process that loaded the workflows ended (${how ?? 'it was stopped'})`;
      loaded.resolve(problem);
      this.started.resolve(problem);
      end.resolve(how);
    };
    this.child.once('error', (error) => over(error.message));
    this.child.once('exit', (code, signal) => {
      const badly = signal !== null ? `signal ${signal}` : code !== 0 ? `status ${code}` : undefined;
      over(this.asked ? undefined : (badly ?? 'status 0'));
    });
    this.child.on('message', (message: FromWorker) => {
      if (message.type === 'imported') events.imported(message.files);
      else if (message.type === 'taskEnded') events.taskEnded(message.taskId, message.state);
      else if (message.type === 'notSubmitted') events.notSubmitted();
      else if (message.type === 'loaded') loaded.resolve(undefined);
      else if (message.type === 'started') this.started.resolve(message.workflows);
      else {
        this.asked = true;
        loaded.resolve(message.problem);
        this.started.resolve(message.problem);
      }
    });
  }

  /** Registers the workflows and runs steps. Resolves to the workflows, or to what is wrong. */
  start(): Promise<ServedWorkflow[] | string> {
    if (this.child.connected) this.child.send({ type: 'start' } satisfies ToWorker, () => undefined);
    return this.started.promise;
  }

  /** Lets its steps end and ends it; its own grace period bounds that. */
  async drain(): Promise<void> {
    this.asked = true;
    this.child.kill('SIGTERM');
    await this.ended;
  }

  /** Ends it at once; what it held is recovered as after a crash. */
  kill(): void {
    this.asked = true;
    this.child.kill('SIGKILL');
  }

  /** Kills it if it has not ended after this time. */
  async killAfter(ms: number): Promise<void> {
    const timeUp = new AbortController();
    await Promise.race([
      this.ended,
      sleep(ms, undefined, { signal: timeUp.signal }).then(
        () => this.kill(),
        () => undefined,
      ),
    ]);
    timeUp.abort();
  }
}
