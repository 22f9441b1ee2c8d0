import { AsyncLocalStorage } from 'node:async_hooks';
import type { RunningStep } from './running-steps.ts';

/** The step on whose behalf the code runs, also in its timers, its callbacks and its rejections. */
export const currentStep = new AsyncLocalStorage<RunningStep>();

/**
 * A handler that calls process.exit or process.abort means to end itself, and would take every other step of the worker with
 * it. Inside a handler both throw instead: the attempt fails with that on record, and the process lives.
 */
export function guardExit(): void {
  const target = process as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const name of ['exit', 'abort']) {
    const original = target[name] as (...args: unknown[]) => unknown;
    target[name] = (...args) => {
      if (currentStep.getStore() === undefined) return original.apply(process, args);
      throw new Error(`the handler called process.${name}(${args.map(String).join(', ')})`);
    };
  }
}
