import { onEndOfNpm } from '../../../src/cli/end-of-npm.ts';

/**
 * Ctrl-C and its relatives. One Ctrl-C can arrive twice, from the terminal and again from npm, which passes it on: what
 * follows at once is an echo, what follows later means "now".
 */
const echoMs = 500;

export interface Interrupts {
  /** Aborted by the first signal, with its name as the reason: stop in an orderly way. */
  readonly stop: AbortSignal;
  /** Aborted by the second: stop at once. */
  readonly stopNow: AbortSignal;
  /** Lets signals end the process again. */
  release(): void;
}

export function catchInterrupts(): Interrupts {
  const stop = new AbortController();
  const stopNow = new AbortController();
  let firstAt = 0;
  const receive = (signal: string): void => {
    if (!stop.signal.aborted) {
      firstAt = performance.now();
      stop.abort(signal);
    } else if (performance.now() - firstAt > echoMs) stopNow.abort(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, receive);

  // The reader has closed the pipe (`npm start | head`): nobody watches this run any more.
  const outputClosed = (error: NodeJS.ErrnoException): void => receive(error.code ?? 'output error');
  process.stdout.on('error', outputClosed);

  // A killed npm passes no signal on; without this the run would go on unnoticed, and keep the next one from starting.
  const endWatch = onEndOfNpm(() => receive('the end of npm'));

  return {
    stop: stop.signal,
    stopNow: stopNow.signal,
    release() {
      endWatch();
      for (const signal of signals) process.off(signal, receive);
      // The listener for a closed output stays: the error may come later, and without a listener it would end the process.
    },
  };
}

/** Resolves when the signal is aborted; at once if it already is. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
