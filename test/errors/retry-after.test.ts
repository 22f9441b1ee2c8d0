import vm from 'node:vm';
import { describe, expect, it } from 'vitest';
import { RetryableError } from '../../src/errors.ts';
import { readRetryAfter } from '../../src/errors/retry-after.ts';

const now = Date.UTC(2026, 9, 21, 7, 27, 30);

describe('a Retry-After of HTTP', () => {
  it.each<[string, unknown, number | undefined]>([
    ['seconds', 120, 120],
    ['a part of a second', 0.5, 0.5],
    ['zero', 0, 0],
    ['seconds as text', '120', 120],
    ['with spaces around it', ' 3 ', 3],
    ['a decimal as text', '1.5', 1.5],
    ['more digits than a number can hold', '9'.repeat(400), Number.MAX_SAFE_INTEGER],
    ['an HTTP date', 'Wed, 21 Oct 2026 07:28:00 GMT', 30],
    ['an HTTP date of the old form', 'Wednesday, 21-Oct-26 07:28:00 GMT', 30],
    ['an HTTP date of asctime', 'Wed Oct 21 07:28:00 2026', 30],
    ['asctime with one digit', 'Sun Nov  1 07:27:30 2026', 11 * 86_400],
    ['a date in the past', 'Wed, 21 Oct 2015 07:28:00 GMT', 0],
    ['a two-digit year in the past', 'Sunday, 06-Nov-94 08:49:37 GMT', 0],
    ['a leap second', 'Wed, 21 Oct 2026 07:28:60 GMT', 90],
    ['a Date', new Date(now + 5000), 5],
    ['a Date of another realm', vm.runInNewContext(`new Date(${now + 5000})`), 5],
    ['a Date in the past', new Date(0), 0],
    ['nothing', undefined, undefined],
    ['a missing header', null, undefined],
  ])('%s', (_, value, seconds) => expect(readRetryAfter(value, now)).toEqual({ seconds, problem: undefined }));
});

describe('any other value', () => {
  const revoked = (() => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  })();
  it.each<[string, unknown, string]>([
    ['NaN', NaN, 'NaN'],
    ['a negative number', -5, '-5'],
    ['Infinity', Infinity, 'Infinity'],
    ['a word', 'soon', '"soon"'],
    ['a negative number as text', '-5', '"-5"'],
    ['an empty text', '', '""'],
    ['a day that does not exist', 'Tue, 31 Feb 2026 07:28:00 GMT', '"Tue, 31 Feb'],
    ['an hour that does not exist', 'Wed, 21 Oct 2026 25:28:00 GMT', '"Wed'],
    ['a date in words', 'tomorrow at noon', '"tomorrow'],
    ['an invalid Date', new Date(NaN), 'an object that is no valid Date'],
    ['a list', ['3'], 'an object'],
    ['a symbol', Symbol('s'), 'a symbol'],
    ['a bigint', 5n, 'a bigint'],
    ['a revoked Proxy', revoked, 'an object'],
    ['a text of 10 MB', 'x'.repeat(10_000_000), '"xxx'],
  ])('%s loses neither the error nor its message', (_, value, shown) => {
    const error = new RetryableError('busy', { retryAfter: value as string });
    expect(error).toMatchObject({ message: 'busy', code: 'RETRYABLE', retryAfterSeconds: undefined });
    expect(error.retryAfterProblem).toContain(`retryAfter is ${shown}`);
    expect(error.retryAfterProblem?.length).toBeLessThan(250);
  });
});
