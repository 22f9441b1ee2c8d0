import { AsyncLocalStorage } from 'node:async_hooks';
import type { ContextSource } from './step-context.ts';

/** The step on whose behalf the code runs, also in its timers, its callbacks and its rejections. */
export const currentStep = new AsyncLocalStorage<ContextSource>();

/** Functions that a handler calls for its own step and that affect every other step of its process, and what it can do instead. */
const GUARDED = {
  exit: 'throw an error to end the attempt',
  abort: 'throw an error to end the attempt',
  chdir: 'use absolute paths, or the `cwd` of the child process',
};

/** Inside a handler these functions of `process` throw: the attempt fails with that on record, and the process lives. */
export function guardProcess(): void {
  const target = process as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const [name, instead] of Object.entries(GUARDED)) {
    const original = target[name] as (...args: unknown[]) => unknown;
    target[name] = (...args) => {
      if (currentStep.getStore() === undefined) return original.apply(process, args);
      throw new Error(
        `the handler called process.${name}(${args.map(String).join(', ')}), which is for the whole process and all its steps: ${instead}`,
      );
    };
  }
}
