import type { Violation } from './audit.ts';
import type { LedgerLine } from './ledger.ts';

/**
 * What somebody outside does with an `idempotencyKey`: it charges once for each. So no key is given for two different steps of
 * two different identities, or the second is never charged; and all attempts of one step have one key, or it is charged twice.
 */
export function checkKeys(ledger: readonly LedgerLine[]): Violation[] {
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
