import { currentStep } from './current-step.ts';
import { Context, type ContextSource } from './step-context.ts';

export interface CalledAttempt extends ContextSource {
  /** The handler returned something other than a promise, or threw. */
  endedAtOnce(end: 'returned' | 'threw', value: unknown): void;
}

/**
 * Calls the handler as the step's own code. Never throws; returns a promise of the result if the handler did.
 * `enterWith` holds until the scope that this is called in ends; `run` would copy the context once more to leave it.
 */
export function callHandler(attempt: CalledAttempt): Promise<unknown> | undefined {
  currentStep.enterWith(attempt);
  try {
    const { trace, type } = attempt;
    const context = new Context(attempt);
    const value: unknown =
      trace === undefined ? type.template.handler(context) : trace.run(() => type.template.handler(context));
    if (isThenable(value)) return Promise.resolve(value);
    attempt.endedAtOnce('returned', value);
  } catch (error) {
    attempt.endedAtOnce('threw', error);
  }
  return undefined;
}

/** Throws if a getter of the value does: a promise that cannot be awaited is an error of the handler. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    value !== null &&
    (typeof value === 'object' || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}
