import { InvalidInputError } from '../errors.ts';
import { describeTransaction } from './recognize.ts';

/** Callers without types find here that they passed something else than a transaction of the library. Throws InvalidInputError. */
export function demandMethods(given: unknown, methods: readonly string[], pass: string): void {
  const candidate = (given ?? {}) as Record<string, unknown>;
  if (methods.every((method) => typeof candidate[method] === 'function')) return;
  throw new InvalidInputError(`transaction is ${describeTransaction(given)}: pass ${pass}`, { field: 'transaction' });
}
