import { describe, expect, it } from 'vitest';
import { PollInterval } from '../../src/worker/poll-interval.ts';

const interval = (): PollInterval => new PollInterval(50, 1000, () => 0);

describe('the pause between two looks', () => {
  it('doubles up to the longest while nothing is found, and starts anew with a find', () => {
    const poll = interval();
    expect(Array.from({ length: 7 }, () => poll.next())).toEqual([50, 100, 200, 400, 800, 1000, 1000]);
    poll.found();
    expect(poll.next()).toBe(50);
  });

  it('grows further while hints arrive, and is back at the usual with the next look when they do not', () => {
    const poll = interval();
    expect(Array.from({ length: 8 }, () => poll.next(3000))).toEqual([50, 100, 200, 400, 800, 1600, 3000, 3000]);
    expect(poll.next()).toBe(1000);
    expect(poll.next(3000)).toBe(1000);
    expect(poll.next(3000)).toBe(2000);
  });
});
