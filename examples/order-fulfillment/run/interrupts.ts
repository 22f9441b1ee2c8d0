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
  readonly hurry: AbortSignal;
  /** Lets signals end the process again. */
  release(): void;
}

export function catchInterrupts(): Interrupts {
  const stop = new AbortController();
  const hurry = new AbortController();
  let firstAt = 0;
  const receive = (signal: string): void => {
    if (!stop.signal.aborted) {
      firstAt = performance.now();
      stop.abort(signal);
    } else if (performance.now() - firstAt > echoMs) hurry.abort(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, receive);

  // Whoever was reading has left (`npm start | head`): nobody is watching this run any more.
  const outputClosed = (error: NodeJS.ErrnoException): void => receive(error.code ?? 'output error');
  process.stdout.on('error', outputClosed);

  // A killed npm passes nothing on; without this the run would go on unseen, and keep the next one from starting.
  const endWatch = onEndOfNpm(() => receive('the end of npm'));

  return {
    stop: stop.signal,
    hurry: hurry.signal,
    release() {
      endWatch();
      for (const signal of signals) process.off(signal, receive);
      // The listener for a closed output stays: it may yet be reported, and would end the process with an error of its own.
    },
  };
}

/** Resolves when the signal is aborted; at once where it is already. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
