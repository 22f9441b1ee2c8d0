import { AsyncResource } from 'node:async_hooks';
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers';
import promises from 'node:timers/promises';
import { promisify } from 'node:util';
import { currentStep } from '../../worker/running/current-step.ts';
import type { VirtualTime } from './virtual-time.ts';

type Callback = (...args: unknown[]) => void;

/** What Node does with a delay that is none, or longer than its timers can wait. */
const delayOf = (ms: unknown): number => {
  const delay = Number(ms);
  return delay >= 1 && delay <= 2_147_483_647 ? Math.trunc(delay) : 1;
};

/** The timers of handlers: of the attempts that were added here, by the virtual clock of each. */
const clocks = new WeakMap<object, { time: VirtualTime; crash: (error: unknown) => void }>();

/** From here on the timers that this attempt's code sets are of `time`. `crash`: what becomes of an error in a callback. */
export function useVirtualTimers(attempt: object, time: VirtualTime, crash: (error: unknown) => void): void {
  clocks.set(attempt, { time, crash });
}

/** A timer as Node returns it. */
class VirtualTimer {
  readonly #set: (run: () => void) => () => void;
  readonly #run: () => void;
  #clear: () => void = () => undefined;

  constructor(attempt: object, callback: Callback, delayMs: number, args: readonly unknown[], repeats: boolean) {
    const { time, crash } = clocks.get(attempt) as { time: VirtualTime; crash: (error: unknown) => void };
    const call = AsyncResource.bind(() => callback(...args));
    this.#set = (run) => time.after(delayMs, attempt, run);
    this.#run = () => {
      if (repeats) this.refresh();
      try {
        call();
      } catch (error) {
        crash(error);
      }
    };
    this.refresh();
  }

  refresh(): this {
    this.#clear();
    this.#clear = this.#set(this.#run);
    return this;
  }

  close(): void {
    this.#clear();
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const attemptWithClock = (): object | undefined => {
  const attempt = currentStep.getStore();
  return attempt !== undefined && clocks.has(attempt) ? attempt : undefined;
};

const wait = (attempt: object, ms: unknown, value: unknown, signal: AbortSignal | undefined): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const abort = (): void => {
      timer.close();
      const error = new Error('The operation was aborted', { cause: signal?.reason });
      reject(Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' }));
    };
    const done = (): void => {
      signal?.removeEventListener('abort', abort);
      resolve(value);
    };
    const timer = new VirtualTimer(attempt, done, delayOf(ms), [], false);
    if (signal?.aborted === true) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });

interface Timers {
  setTimeout: (...args: never[]) => unknown;
  setInterval: (...args: never[]) => unknown;
  clearTimeout: (...args: never[]) => void;
  clearInterval: (...args: never[]) => void;
}

/** These timers, but in a handler that has a virtual clock, that clock's. */
function virtual(real: Timers, waitReally: (...args: never[]) => unknown): Timers {
  const set = (name: 'setTimeout' | 'setInterval') =>
    function setVirtual(callback: Callback, ms?: number, ...args: unknown[]): unknown {
      const attempt = attemptWithClock();
      if (attempt === undefined) return (real[name] as (...given: unknown[]) => unknown)(callback, ms, ...args);
      return new VirtualTimer(attempt, callback, delayOf(ms), args, name === 'setInterval');
    };
  const clear = (name: 'clearTimeout' | 'clearInterval') =>
    function clearVirtual(timer: unknown): void {
      if (timer instanceof VirtualTimer) timer.close();
      else (real[name] as (given: unknown) => void)(timer);
    };
  return {
    setTimeout: Object.assign(set('setTimeout'), { [promisify.custom]: waitReally }),
    setInterval: set('setInterval'),
    clearTimeout: clear('clearTimeout'),
    clearInterval: clear('clearInterval'),
  } as unknown as Timers;
}

let users = 0;
let restore: (() => void) | undefined;

/**
 * Puts virtual timers in place: global, of node:timers and of node:timers/promises. Outside of handlers with a virtual clock they
 * are those that were there before. Returns what takes them away again, if no other run needs them.
 */
export function installVirtualTimers(): () => void {
  users += 1;
  if (restore === undefined) restore = install();
  return () => {
    users -= 1;
    if (users > 0) return;
    restore?.();
    restore = undefined;
  };
}

function install(): () => void {
  const sleepReally = promises.setTimeout;
  const sleep = ((ms?: number, value?: unknown, options?: { signal?: AbortSignal }) => {
    const attempt = attemptWithClock();
    return attempt === undefined ? sleepReally(ms, value, options) : wait(attempt, ms, value, options?.signal);
  }) as typeof promises.setTimeout;
  const places = [globalThis, timers] as unknown as (Timers & Record<string, unknown>)[];
  const before = places.map(({ setTimeout, setInterval, clearTimeout, clearInterval }) => ({
    setTimeout,
    setInterval,
    clearTimeout,
    clearInterval,
  }));
  for (const [index, place] of places.entries()) Object.assign(place, virtual(before[index] as Timers, sleep));
  promises.setTimeout = sleep;
  syncBuiltinESMExports();
  return () => {
    for (const [index, place] of places.entries()) Object.assign(place, before[index]);
    promises.setTimeout = sleepReally;
    syncBuiltinESMExports();
  };
}
