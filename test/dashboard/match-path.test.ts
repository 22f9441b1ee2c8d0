import { describe, expect, it } from 'vitest';
import { formatAge, formatBytes, formatSeconds } from '../../dashboard/format.ts';
import { matchPath } from '../../dashboard/match-path.ts';

describe('the pattern of a path', () => {
  const patterns = ['', 'tasks', 'tasks/:id', 'workflows/:namespace/:name', 'docs/*rest'] as const;
  it.each([
    ['', '', {}],
    ['tasks', 'tasks', {}],
    ['tasks/4711', 'tasks/:id', { id: '4711' }],
    ['workflows/a%2Fb/c', 'workflows/:namespace/:name', { namespace: 'a/b', name: 'c' }],
    ['tasks/%', 'tasks/:id', { id: '%' }],
    ['docs/a/b%20c', 'docs/*rest', { rest: 'a/b c' }],
  ])('%s', (path, pattern, params) => {
    expect(matchPath(patterns, path)).toEqual({ pattern, params });
  });
  it.each(['nonsense', 'tasks/', 'tasks/1/2', 'workflows/a'])('none: %s', (path) => {
    expect(matchPath(patterns, path)).toBeUndefined();
  });
});

it('durations, ages and sizes have two units at most', () => {
  expect([0, 0.0123, 0.9994, 1.25, 59.6, 61, 3600, 90_061].map(formatSeconds)).toEqual([
    '0 ms',
    '12 ms',
    '999 ms',
    '1.3 s',
    '1 min',
    '1 min 1 s',
    '1 h',
    '1 d 1 h',
  ]);
  expect([0.3, 59, 60, 7200, 200_000].map(formatAge)).toEqual(['now', '59 s', '1 min', '2 h', '2 d']);
  expect([12, 2048, 5_242_880].map(formatBytes)).toEqual(['12 bytes', '2.0 KiB', '5.0 MiB']);
});
