import { describe, expect, test } from 'vitest';
import { boundaryText } from '../../src/testing/crash/boundary.ts';
import { crashReport } from '../../src/testing/crash/crash-report.ts';
import type { CrashRun } from '../../src/testing/crash/crash-run.ts';
import type { RecordedEffect } from '../../src/testing/crash/effects.ts';
import { findProblems } from '../../src/testing/crash/find-problems.ts';

const effect = (name: string, more: Partial<RecordedEffect> = {}): RecordedEffect => ({
  name,
  step: 'charge',
  attempt: 1,
  key: undefined,
  value: undefined,
  ...more,
});
const run = (effects: RecordedEffect[], state = 'complete'): CrashRun =>
  ({ state, effects, crashed: true, boundaries: [], task: { state, steps: [] } }) as unknown as CrashRun;
const boundary = { kind: 'returned', step: 'charge', attempt: 1 } as const;
const problems = (before: RecordedEffect[], after: RecordedEffect[]) =>
  findProblems(run(before), run(after), boundary).map(({ kind, message }) => [kind, message]);

describe('effects after a crash', () => {
  test('without a key each record is an effect of its own', () => {
    expect(problems([effect('charge')], [effect('charge'), effect('charge', { attempt: 2 })])).toEqual([
      ['repeated', '"charge" happened twice, and once without a crash'],
    ]);
    expect(problems([effect('mail'), effect('mail')], [effect('mail'), effect('mail')])).toEqual([]);
  });

  test('with the same key they are one; with another key they are two', () => {
    const first = effect('charge', { key: 'a' });
    expect(problems([first], [first, { ...first, attempt: 2 }])).toEqual([]);
    expect(problems([first], [first, effect('charge', { key: 'b', attempt: 2 })])).toEqual([
      ['repeated', '"charge" happened twice, and once without a crash'],
    ]);
  });

  test('a key that comes with another value is a conflict for the other side', () => {
    const first = effect('charge', { key: 'a', value: '5' });
    expect(problems([first], [first, { ...first, value: '6' }])).toEqual([
      ['different', '"charge" was asked for again under its key with another value: 5, then 6'],
    ]);
  });

  test('an effect that is lost is missing', () => {
    expect(problems([effect('charge'), effect('mail')], [effect('charge')])).toEqual([
      ['missing', '"mail" happened not at all, and once without a crash'],
    ]);
  });

  test('a task that ends otherwise is a problem of its own, and its missing effects are none', () => {
    const found = findProblems(run([effect('charge')]), run([], 'error'), boundary);
    expect(found.map(({ kind }) => kind)).toEqual(['not complete']);
  });
});

test('a report names what is idempotent, what is not, and what nobody can judge', () => {
  const reference = run([effect('charge')]);
  const report = crashReport({
    workflow: 'workflow shop/checkout 1.0.0',
    steps: [
      { name: 'reserve', effects: 0 },
      { name: 'charge', effects: 1 },
      { name: 'mail', effects: 1 },
    ],
    problems: findProblems(reference, run([effect('charge'), effect('charge')]), boundary),
    crashes: 12,
    untried: 1,
    seconds: 9.4,
  });
  expect(String(report)).toBe(`workflow shop/checkout 1.0.0: 12 crashes, each at another boundary, in 9 s, 1 problem
  idempotent: mail
  not judged, because they record no effects: reserve
  1 boundary was not tried
  step "charge" is not idempotent:
    - killed after the handler of "charge" ended, before its outcome was written: "charge" happened twice, and once without a crash`);
  expect(boundaryText({ kind: 'effect', step: 'a', attempt: 2, effect: 1, name: 'mail' })).toBe(
    'in the handler of "a", attempt 2, after effect 1 ("mail")',
  );
});
