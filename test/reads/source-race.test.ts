import { describe, expect, it } from 'vitest';
import { SourceRace } from '../../src/reads/source-race.ts';

describe('a page of a list', () => {
  it('stays with its first source while that would fill it', () => {
    const race = new SourceRace(['entered', 'failing']);
    expect(race.next(false)).toBe('entered');
    race.passed('entered', { cost: 10, ids: 1n });
    expect(race.next(false)).toBe('entered');
  });

  it('tries each of the others once if not, and goes on with the one that gets furthest', () => {
    const race = new SourceRace(['entered', 'failing', 'begun']);
    const ids = { entered: 50n, failing: 90n, begun: 10n };
    const tried = [false, true, true, true, true].map((isSparse) => {
      const source = race.next(isSparse) as keyof typeof ids;
      race.passed(source, { cost: 10, ids: ids[source] });
      return source;
    });
    expect(tried).toEqual(['entered', 'failing', 'begun', 'failing', 'failing']);
  });

  it('has no choice of one', () => {
    const race = new SourceRace(['all']);
    race.passed(race.next(false), { cost: 1, ids: 0n });
    expect(race.next(true)).toBe('all');
  });
});
