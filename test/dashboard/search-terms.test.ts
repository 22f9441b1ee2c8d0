import { describe, expect, it } from 'vitest';
import { parseTerms, searchOf, termsText, toggleTerm, valuesOf } from '../../dashboard/pages/tasks/search-terms.ts';
import { parseSearch } from '../../src/reads/search/parse-search.ts';

const state = (value: string) => ({ name: 'state', value });

describe('the search of tasks', () => {
  it.each([
    'input.order:A-7 age:>1h attempts:>=3',
    'error:"say \\"no\\"" input."a b".c:"x y"',
    '  state:error,pending  ',
  ])('the API reads %s as it is typed', (text) => {
    expect(searchOf(text)).toEqual({ q: text.trim(), taskId: undefined });
    expect(() => parseSearch(searchOf(text).q)).not.toThrow();
  });

  it('a number alone is the id of a task', () => {
    expect(searchOf(' #4711').taskId).toBe('4711');
    expect(searchOf('key:4711').taskId).toBeUndefined();
  });

  it('states that are named one by one are one term', () => {
    expect(searchOf('state:pending tag:vip state:error').q).toBe('state:pending,error tag:vip');
  });

  it('terms are written as they are read', () => {
    for (const text of [
      'state:error tag:"a b"',
      'error:"a \\"b\\" \\\\c"',
      'key:x',
      'input."a b".c:1',
      'age:<1h',
      'word',
    ]) {
      expect(termsText(parseTerms(text))).toBe(text);
    }
    expect(valuesOf('state:error,pending tag:vip', 'state')).toEqual(['error', 'pending']);
  });

  it('a button adds its term, and takes it away', () => {
    const one = toggleTerm('tag:vip', state('error'));
    expect(one).toBe('tag:vip state:error');
    const two = toggleTerm(one, state('pending'));
    expect(two).toBe('tag:vip state:error,pending');
    expect(toggleTerm(toggleTerm(two, state('error')), state('pending'))).toBe('tag:vip');
    expect(toggleTerm('age:<1h', { name: 'age', value: '<24h' })).toBe('age:<24h');
  });
});
