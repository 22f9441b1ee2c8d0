import fc from '../support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import { backoffWindowSeconds, canRetry, capRequestedBackoff } from '../../src/retry-policy.ts';

describe('the wait after a failure', () => {
  test.each([
    [1, 1, 2],
    [2, 2, 4],
    [3, 4, 8],
    [4, 8, 16],
    [5, 15, 30],
    [6, 15, 30],
    [1000, 15, 30],
  ])('after attempt %i: %d to %d seconds', (attempts, min, max) =>
    expect(backoffWindowSeconds(attempts)).toEqual({ min, max }),
  );

  test("a step's own cap holds from the first attempt on", () => {
    expect(backoffWindowSeconds(1, { maxSeconds: 0.5 })).toEqual({ min: 0.25, max: 0.5 });
    expect(backoffWindowSeconds(10, { maxSeconds: 600 })).toEqual({ min: 300, max: 600 });
    expect(backoffWindowSeconds(1, { initialSeconds: 60 })).toEqual({ min: 30, max: 60 });
    expect(backoffWindowSeconds(3, { initialSeconds: 60, maxSeconds: 600 })).toEqual({ min: 120, max: 240 });
  });

  test('a wish of the other side replaces it, up to its own cap', () => {
    expect(backoffWindowSeconds(1, { requestedSeconds: 120 })).toEqual({ min: 120, max: 120 });
    expect(backoffWindowSeconds(5, { requestedSeconds: 0 })).toEqual({ min: 0, max: 0 });
    expect(backoffWindowSeconds(1, { requestedSeconds: 1e9 })).toEqual({ min: 3600, max: 3600 });
    expect(backoffWindowSeconds(1, { requestedSeconds: 90, maxRequestedSeconds: 60 })).toEqual({ min: 60, max: 60 });
  });

  test('switched off, it is nothing, also if the handler requested one', () => {
    expect(backoffWindowSeconds(3, { disabled: true })).toEqual({ min: 0, max: 0 });
    expect(backoffWindowSeconds(3, { disabled: true, requestedSeconds: 7 })).toEqual({ min: 0, max: 0 });
  });

  test('a wish that makes no sense is bounded', () => {
    expect([-5, NaN, Infinity].map((seconds) => capRequestedBackoff(seconds))).toEqual([0, 0, 3600]);
  });

  test('it never shrinks from attempt to attempt, and never exceeds the cap', () => {
    fc.assert(
      fc.property(fc.nat(5000), fc.double({ min: 0.001, max: 86_400, noNaN: true }), (attempts, maxSeconds) => {
        const now = backoffWindowSeconds(attempts, { maxSeconds });
        const next = backoffWindowSeconds(attempts + 1, { maxSeconds });
        expect(now.min).toBe(now.max / 2);
        expect(next.max).toBeGreaterThanOrEqual(now.max);
        expect(next.max).toBeLessThanOrEqual(maxSeconds);
      }),
    );
  });
});

describe('whether another attempt may follow', () => {
  test.each([
    ['the first attempt', { attempts: 0, retryLimit: 3, retryable: true }, true],
    ['the first attempt of a step that is not retryable', { attempts: 0, retryLimit: 3, retryable: false }, true],
    ['a second attempt', { attempts: 1, retryLimit: 3, retryable: true }, true],
    ['a second attempt of a step that is not retryable', { attempts: 1, retryLimit: 3, retryable: false }, false],
    ['the last attempt', { attempts: 2, retryLimit: 3, retryable: true }, true],
    ['after the last attempt', { attempts: 3, retryLimit: 3, retryable: true }, false],
    ['a limit of one', { attempts: 1, retryLimit: 1, retryable: true }, false],
    ['a limit of nothing', { attempts: 0, retryLimit: 0, retryable: true }, false],
    ['after a permanent error', { attempts: 1, retryLimit: 3, retryable: true, permanent: true }, false],
  ])('%s', (_, step, allowed) => expect(canRetry(step)).toBe(allowed));
});
