import type { Violation } from './audit.ts';
import type { LedgerLine } from './ledger.ts';

/**
 * Checks idempotency keys as an outside system uses them that charges once for each key. No key may belong to two different steps or
 * identities, or the second would never be charged; all attempts of one step must have one key, or it would be charged twice.
 */
export function checkIdempotencyKeys(ledger: readonly LedgerLine[]): Violation[] {
  const stepsOf = new Map<string, Set<string>>();
  const keysOf = new Map<string, Set<string>>();
  for (const { kind, key, identity, step } of ledger) {
    if (kind === 'polluted') continue;
    const work = `step ${step} of ${identity}`;
    add(stepsOf, key, work);
    add(keysOf, work, key);
  }
  const several = (sets: Map<string, Set<string>>): [string, string][] =>
    [...sets].flatMap(([of, set]) => (set.size > 1 ? [[of, [...set].join(', ')]] : []));
  return [
    ...several(stepsOf).map(([key, steps]) => ({ kind: 'one key for two', detail: `key ${key}: ${steps}` })),
    ...several(keysOf).map(([work, keys]) => ({ kind: 'two keys for one', detail: `${work}: ${keys}` })),
  ];
}

function add(sets: Map<string, Set<string>>, of: string, member: string): void {
  const set = sets.get(of);
  if (set === undefined) sets.set(of, new Set([member]));
  else set.add(member);
}
