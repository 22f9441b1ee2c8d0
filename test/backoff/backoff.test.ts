import { describe, expect, it } from 'vitest';
import {
  type Backoff,
  exponential,
  FULL_JITTER,
  HALF_JITTER,
  NO_JITTER,
  QUARTER_JITTER,
  withJitter,
} from '../../src/backoff.ts';

const interval = (): Backoff => exponential({ minMs: 50, maxMs: 1000, jitter: QUARTER_JITTER, random: () => 1 });

describe('the pause between two polls', () => {
  it('doubles up to the longest while nothing is found, and starts anew with a find', () => {
    const poll = interval();
    expect(Array.from({ length: 7 }, () => poll.next())).toEqual([50, 100, 200, 400, 800, 1000, 1000]);
    poll.reset();
    expect(poll.next()).toBe(50);
  });

  it('grows further while notifications arrive, and is back at the usual with the next poll when they do not', () => {
    const poll = interval();
    expect(Array.from({ length: 8 }, () => poll.next(3000))).toEqual([50, 100, 200, 400, 800, 1600, 3000, 3000]);
    expect(poll.next()).toBe(1000);
    expect(poll.next(3000)).toBe(1000);
    expect(poll.next(3000)).toBe(2000);
  });

  it('is at its longest when the next delay is', () => {
    const poll = interval();
    const before = Array.from({ length: 6 }, () => {
      const { atMax } = poll;
      poll.next();
      return atMax;
    });
    expect(before).toEqual([false, false, false, false, false, true]);
    poll.reset();
    expect(poll.atMax).toBe(false);
  });
});

describe('a backoff by the number of failures', () => {
  it('gives the same delays without a state of its own', () => {
    const backoff = exponential({ minMs: 100, maxMs: 5000, jitter: NO_JITTER });
    expect([1, 2, 3, 6, 7, 2000].map((failures) => backoff.after(failures))).toEqual([100, 200, 400, 3200, 5000, 5000]);
    expect(backoff.next()).toBe(100);
  });
});

describe('jitter', () => {
  it('draws between its shares of the delay', () => {
    const ends = [0, 1].map((drawn) => (): number => drawn);
    for (const [jitter, from, to] of [
      [NO_JITTER, 1000, 1000],
      [QUARTER_JITTER, 750, 1000],
      [HALF_JITTER, 500, 1000],
      [FULL_JITTER, 0, 1000],
    ] as const) {
      expect(ends.map((random) => withJitter(1000, jitter, random))).toEqual([from, to]);
    }
  });

  it('does not count for the growth of the delays, nor does what is added to each', () => {
    const backoff = exponential({ minMs: 50, maxMs: 200, jitter: FULL_JITTER, addMs: 10, random: () => 0.5 });
    expect(Array.from({ length: 4 }, () => backoff.next())).toEqual([35, 60, 110, 110]);
  });

  it('that is drawn by chance stays between its shares', () => {
    const drawn = Array.from({ length: 1000 }, () => withJitter(1000, [0.2, 1]));
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(200);
    expect(Math.max(...drawn)).toBeLessThanOrEqual(1000);
    expect(new Set(drawn).size).toBeGreaterThan(900);
  });
});
