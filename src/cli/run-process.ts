import { exponential, HALF_JITTER } from '../backoff.ts';
import type { Logger } from '../logger.ts';
import { describeDatabaseError } from '../db/connections/describe-error.ts';
import { isUnavailable } from '../db/connections/sql-errors.ts';
import { STATUS } from './report-error.ts';
import type { Drained } from '../process/service.ts';
import { withTimeout } from '../process/with-timeout.ts';
import { onEndOfNpm } from './end-of-npm.ts';

export interface Running {
  stop(): Promise<Drained>;
  hurry?(): void;
  /** Finds the step that caused an uncaught error; false if it is not known which one did. */
  crash?(error: unknown, origin: 'exception' | 'rejection'): boolean;
  /** Resolves when the process has nothing left to do. */
  readonly idle?: Promise<void>;
  /** Resolves when the database has refused the login of the process for too long. */
  readonly refused?: Promise<Error>;
}

/** After an uncaught error the state of the process cannot be trusted: it gives back what it can and ends within this time. */
const CRASH_LIMIT_MS = 4000;

/**
 * Signals that end a process in order. A closed terminal sends SIGHUP. (SIGQUIT is not handled: it ends a process at once,
 * like a crash.)
 */
const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/**
 * Under npm one Ctrl-C arrives twice: from the terminal, and again from npm, which passes it on. SIGHUP arrives from the
 * kernel and from a shell. A signal that follows within this time counts as the same one.
 */
const ECHO_MS = 500;

/**
 * Starts a process of the fleet and runs it until a signal: SIGTERM, SIGINT or SIGHUP drains, a second one cuts the drain
 * short. If the database is unavailable at the start, it waits for it. Returns the exit status: 1 if the drain left something
 * unfinished.
 */
export async function runProcess(start: () => Promise<Running>, log: Logger): Promise<number> {
  const stop = Promise.withResolvers<'signal' | 'idle' | 'refused' | 'crash' | 'crash of unknown origin'>();
  let running: Running | undefined;
  let signalledAt: number | undefined;
  const onSignal = (signal: string): void => {
    if (signalledAt === undefined) {
      signalledAt = performance.now();
      log.info({ signal }, 'shutting down');
      stop.resolve('signal');
    } else if (performance.now() - signalledAt > ECHO_MS) {
      log.warn({ signal }, 'second signal: aborting what still runs');
      running?.hurry?.();
    }
  };
  const onCrash = (error: unknown, origin: 'exception' | 'rejection'): void => {
    const owner = running?.crash?.(error, origin);
    // A rejected promise interrupts no other code, so the process goes on. An exception may have interrupted any code.
    if (owner === true && origin === 'rejection') return;
    // A released step spends no attempt. If the step that caused the error is unknown, releasing all would let it crash
    // processes for ever: then the process ends without releasing, and recovery decides.
    const known = owner ?? true;
    log.fatal({ error }, `uncaught error: ${known ? 'releasing what runs here, then ' : ''}ending`);
    stop.resolve(known ? 'crash' : 'crash of unknown origin');
  };
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
  onEndOfNpm(() => onSignal('the end of npm'));
  process.on('uncaughtException', (error) => onCrash(error, 'exception'));
  process.on('unhandledRejection', (reason) => onCrash(reason, 'rejection'));
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

  running = await startPatiently(start, log, () => signalledAt !== undefined);
  if (running === undefined) return 0;
  void running.idle?.then(() => stop.resolve('idle'));
  void running.refused?.then((error) => {
    log.fatal(`${error.message}; ending, so that a new process reads the new password`);
    return stop.resolve('refused');
  });
  const reason = await stop.promise;
  if (reason === 'crash of unknown origin') return 1;
  if (reason === 'crash' || reason === 'refused') {
    running.hurry?.();
    await withTimeout(running.stop(), CRASH_LIMIT_MS);
    return reason === 'crash' ? STATUS.failed : STATUS.unavailable;
  }
  const { unfinished } = await running.stop();
  if (unfinished.length === 0) {
    log.info('stopped');
    return 0;
  }
  log.error({ unfinished }, 'stopped before everything had ended: what was held here is recovered as after a crash');
  return 1;
}

async function startPatiently(
  start: () => Promise<Running>,
  log: Logger,
  stopped: () => boolean,
): Promise<Running | undefined> {
  // As short as the waits of a process that runs already: one that starts during an outage does not come back later than those.
  const backoff = exponential({ minMs: 250, maxMs: 1000, jitter: HALF_JITTER });
  const beganAt = performance.now();
  let logged: string | undefined;
  for (let attempt = 1; !stopped(); attempt += 1) {
    try {
      const running = await start();
      if (logged !== undefined)
        log.info({ attempt, seconds: Math.round(performance.now() - beganAt) / 1000 }, 'the database can be reached');
      return running;
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      const delayMs = backoff.next();
      const what = describeDatabaseError(error)?.line ?? 'the database cannot be reached';
      // It may take hours: the same reason is logged once.
      if (what !== logged) log.warn({ error, attempt }, `${what}; trying again`);
      logged = what;
      await new Promise((resolve) => setTimeout(resolve, delayMs));
    }
  }
  return undefined;
}
