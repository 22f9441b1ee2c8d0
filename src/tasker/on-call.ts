/**
 * What a program calls when it starts. The code behind it is loaded by the call: a program that only submits imports `tasker-fleet` in half
 * of the time.
 */
import type { SchedulerProcess, SchedulerProcessOptions } from '../scheduler/start-scheduler.ts';
import type { Tasker } from './start-tasker.ts';
import type { TaskerOptions } from './tasker-options.ts';
import type { WorkerProcess, WorkerProcessOptions } from '../worker/start-worker.ts';

/** Starts a worker with its metrics and probes. Rejects if the database cannot be reached or no workflow can be served. */
export async function startWorker(options: WorkerProcessOptions): Promise<WorkerProcess> {
  const { startWorker: start } = await import('../worker/start-worker.ts');
  return start(options);
}

/** Starts a scheduler with its metrics and probes. Rejects if the database cannot be reached. */
export async function startScheduler(options: SchedulerProcessOptions): Promise<SchedulerProcess> {
  const { startScheduler: start } = await import('../scheduler/start-scheduler.ts');
  return start(options);
}

/**
 * Starts all that a program needs to run its own workflows: a worker, a scheduler and a client. Rejects with the error of the part that
 * does not start, after the others were stopped. Signals are the program's own: `process.once('SIGTERM', () => tasker.stop())`.
 */
export async function startTasker(options: TaskerOptions): Promise<Tasker> {
  const { begin } = await import('./begin.ts');
  const beginning = await begin(options);
  await bytesSent();
  // Half of the code while the server makes processes for the first sessions; the rest when it has something to do for longer.
  await import('../worker/start-worker.ts');
  if ((await beginning.schema.under) === 'ready') {
    // While the rest is loaded, the server has nothing else to do.
    const { warmUpClaim } = await import('./warm-up.ts');
    void warmUpClaim(beginning).catch(() => undefined);
    await bytesSent();
  }
  const { startTasker: start } = await import('./start-tasker.ts');
  return start(options, beginning);
}

/** What was written goes to the server before anything keeps the loop busy. */
const bytesSent = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
