import { describe, expect, it } from 'vitest';
import { parseTerms, searchOf, termsText, toggleTerm } from '../../dashboard/pages/tasks/search-terms.ts';

const NOW = Date.parse('2026-03-01T12:00:30Z');
const queryOf = (text: string): string => decodeURIComponent(searchOf(text, NOW).query.toString());

describe('the search of tasks', () => {
  it.each([
    ['state:error state:pending', 'state=error&state=pending'],
    ['workflow:shop/checkout version:1.0.0', 'namespace=shop&workflow=checkout&version=1.0.0'],
    ['tag:vip tag:"two words"', 'tag=vip&tag=two+words'],
    ['error:"say \\"no\\""', 'error=say+"no"'],
    ['age:<1h', 'requested_since=2026-03-01T11:00:00.000Z'],
    ['age:>=2d', 'requested_before=2026-02-27T12:00:00.000Z'],
    ['  ', ''],
  ])('%s', (text, query) => {
    expect(searchOf(text, NOW).problems).toEqual([]);
    expect(queryOf(text)).toBe(query);
  });

  it('a number alone is the id of a task', () => {
    expect(searchOf('#4711', NOW).taskId).toBe('4711');
  });

  it.each(['nonsense', 'colour:red', 'state:broken', 'age:yesterday', 'tag:""'])(
    '%s is not understood, and why',
    (text) => {
      expect(searchOf(text, NOW).problems).toHaveLength(1);
    },
  );

  it('terms are written as they are read', () => {
    for (const text of ['state:error tag:"a b"', 'error:"a \\"b\\" \\\\c"', 'key:x']) {
      expect(termsText(parseTerms(text))).toBe(text);
    }
  });

  it('a button adds its term, and takes it away', () => {
    const added = toggleTerm('tag:vip', { name: 'state', value: 'error' });
    expect(added).toBe('tag:vip state:error');
    expect(toggleTerm(added, { name: 'state', value: 'error' })).toBe('tag:vip');
  });
});
