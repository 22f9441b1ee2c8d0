import { withTimeout } from './with-timeout.ts';

/**
 * Something that works in the background of a process, from its start to its stop.
 * - `start` resolves when it works. A second call starts nothing more. It may reject if `stop` is called meanwhile.
 * - `stop` may be called at any time: before `start`, during it, and again. It resolves, or rejects, when nothing of the service
 *   runs any more: no timer, no statement, no thread, no callback. A service that was stopped is not started again.
 * `serviceContract` in test/process holds every service to this.
 */
export interface Service {
  start(): unknown;
  stop(): unknown;
}

/** How a shutdown ended. */
export interface Drained {
  /**
   * What had not come to its end at the deadline, in words for people; the steps that it held are recovered as those of a dead
   * process. Empty: nothing is left behind.
   */
  readonly unfinished: readonly string[];
}

/** A worker or a scheduler that runs in this process. */
export interface RunningService {
  /** Where /metrics, /livez and /readyz are served. */
  readonly url: string;
  /** Stops the work, then closes the server and the pool. Idempotent. */
  stop(): Promise<Drained>;
  /** Resolves when the process should end: the database has refused its login for longer than its lease. */
  readonly refused: Promise<Error>;
}

/**
 * Stops all of them at once and returns the names of those that had not stopped at `deadline` (milliseconds of
 * performance.now()). A stop that rejects has ended; `onError` receives its error.
 */
export async function stopAll(
  services: Readonly<Record<string, Pick<Service, 'stop'>>>,
  deadline: number,
  onError: (name: string, error: unknown) => void,
): Promise<string[]> {
  const stopping = Object.entries(services).map(
    ([name, service]) => [name, tryStop(service, (error) => onError(name, error))] as const,
  );
  const unfinished: string[] = [];
  for (const [name, stopped] of stopping) {
    if (!(await withTimeout(stopped, Math.max(0, deadline - performance.now())))) unfinished.push(name);
  }
  return unfinished;
}

async function tryStop(service: Pick<Service, 'stop'>, onError: (error: unknown) => void): Promise<void> {
  try {
    await service.stop();
  } catch (error) {
    onError(error);
  }
}
