import { describe, expect, it } from 'vitest';
import { jsonDiff } from '../../src/workflow/json-diff.ts';

const changesOf = (before: string, after: string): unknown => JSON.stringify(jsonDiff(before, after).changes);

describe('the places at which two inputs differ', () => {
  it('are found member by member', () => {
    expect(jsonDiff('{"a":1,"b":[1,{"c":"x"}],"gone":null}', '{"a":1,"b":[1,{"c":"y"}],"new/~":true}')).toEqual({
      changes: [
        { path: '/b/1/c', from: 'x', to: 'y' },
        { path: '/gone', from: null },
        { path: '/new~1~0', to: true },
      ],
      more: 0,
    });
    expect(jsonDiff('[]', '{}').changes).toEqual([{ path: '', from: [], to: {} }]);
  });

  it('are compared and kept by the digits of their numbers', () => {
    expect(changesOf('{"id":9007199254740992}', '{"id":9007199254740993}')).toBe(
      '[{"path":"/id","from":9007199254740992,"to":9007199254740993}]',
    );
    expect(changesOf('{"far":1e400,"same":9007199254740993}', '{"far":2e400,"same":9007199254740993}')).toBe(
      '[{"path":"/far","from":1e400,"to":2e400}]',
    );
    expect(changesOf('[1.10]', '[2]')).toBe('[{"path":"/0","from":1.10,"to":2}]');
  });

  it('are at most 100, each at most some thousand characters', () => {
    const many = (from: number): string => JSON.stringify(Array.from({ length: 150 }, (_, n) => n + from));
    const { changes, more } = jsonDiff(many(0), many(1));
    expect([changes.length, more]).toEqual([100, 50]);
    const [change] = jsonDiff('""', JSON.stringify('x'.repeat(9000))).changes;
    expect(change?.to).toMatch(/^"x{1999}\.\.\. \(9002 characters\)$/);
  });
});
