import { describe, expect, it } from 'vitest';
import { ResultCache } from '../../src/worker/scope/result-cache.ts';

const inputs = { context: '{"n":1}', bypassSteps: null, schedule: null, traceContext: null, identityHash: 'x' };
/** Of 1,000 bytes, so that what an entry takes besides its text counts for less than one of them. */
const RESULT = `"${'x'.repeat(998)}"`;

describe('the cache of results', () => {
  it('returns what was put in, by the ordinal of the step', () => {
    const cache = new ResultCache(100_000);
    cache.put('1', inputs, 0, '"a"');
    cache.put('1', inputs, 2, '"b"');
    const entry = cache.get('1');
    expect(entry?.context).toBe('{"n":1}');
    expect([...(entry?.results ?? [])]).toEqual([
      [0, '"a"'],
      [2, '"b"'],
    ]);
    expect(cache.get('2')).toBeUndefined();
  });

  it('evicts the task that was used longest ago, and stays below its limit', () => {
    const cache = new ResultCache(10_500);
    for (let task = 1; task <= 6; task += 1) cache.put(String(task), inputs, 0, RESULT);
    cache.get('1');
    for (let task = 7; task <= 9; task += 1) cache.put(String(task), inputs, 0, RESULT);
    // Seven of 1,399 bytes each, below fifteen sixteenths of the limit: the two that were not read since went first.
    expect(['1', '2', '3', '4', '5', '6', '7', '8', '9'].filter((task) => cache.get(task) !== undefined)).toEqual([
      '1',
      '4',
      '5',
      '6',
      '7',
      '8',
      '9',
    ]);
  });

  it('counts a result once, and none of a task that was deleted', () => {
    const cache = new ResultCache(3000);
    cache.put('kept', inputs, 0, RESULT);
    // Put again, as after a completion whose response never arrived.
    for (let time = 0; time < 10; time += 1) cache.put('kept', inputs, 0, RESULT);
    for (let task = 0; task < 10; task += 1) {
      cache.put(String(task), inputs, 0, RESULT);
      cache.delete(String(task));
      cache.delete(String(task));
    }
    cache.put('other', inputs, 0, RESULT);
    expect(cache.get('kept')).toBeDefined();
    expect(cache.get('other')).toBeDefined();
  });

  it('identifies a task by its identity: after a restore a task with the same id gets none of its input and results', () => {
    const cache = new ResultCache(10_500);
    cache.put('7', { ...inputs, identityHash: 'lost with the last commits' }, 1, '"theirs"');
    cache.put(
      '7',
      { context: '{"n":2}', bypassSteps: null, schedule: null, traceContext: null, identityHash: 'took the id' },
      2,
      '"ours"',
    );
    expect(cache.get('7')).toMatchObject({ context: '{"n":2}', results: new Map([[2, '"ours"']]) });
  });

  it('takes the newer result of a step: the database has lost the one before', () => {
    const cache = new ResultCache(10_500);
    cache.put('7', inputs, 1, '"lost"');
    cache.put('7', inputs, 1, '"written"');
    expect(cache.get('7')?.results.get(1)).toBe('"written"');
  });

  it('keeps nothing with no bytes to keep it in', () => {
    const cache = new ResultCache(0);
    cache.put('1', inputs, 0, '"a"');
    expect(cache.get('1')).toBeUndefined();
  });
});
