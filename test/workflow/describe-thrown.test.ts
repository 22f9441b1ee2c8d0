import fc from '../support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import { PermanentError } from '../../src/errors.ts';
import { describeThrown } from '../../src/workflow/describe-thrown.ts';
import { toStorableJson } from '../../src/workflow/to-storable-json.ts';
import { UNSTORABLE, revoked, throwing, throwingMessage, trapped } from './hostile-values.ts';

/** More than the sum of all bounds, with the notes of what is cut and JSON's own characters. */
const MAX_DESCRIPTION_BYTES = 65_536;

describe('an Error', () => {
  test('has its name, message, stack and code', () => {
    const error = Object.assign(new TypeError('no such order'), { code: 'E_ORDER' });
    expect(describeThrown(error)).toEqual({
      name: 'TypeError',
      message: 'no such order',
      stack: error.stack,
      code: 'E_ORDER',
    });
  });

  test('without a name that is a text is an Error', () =>
    expect(describeThrown(Object.assign(new Error('x'), { name: 5 }))).toMatchObject({ name: 'Error', message: 'x' }));

  test('a code that is a number becomes text', () =>
    expect(describeThrown(Object.assign(new Error('x'), { code: 404 })).code).toBe('404'));

  test('of this library has the name of its class and its code', () =>
    expect(describeThrown(new PermanentError('card expired'))).toMatchObject({
      name: 'PermanentError',
      code: 'PERMANENT',
    }));

  test('has its first four causes and the innermost one', () => {
    let error = new Error('level 0');
    for (let level = 1; level < 10; level++) error = new Error(`level ${level}`, { cause: error });
    const seen: string[] = [];
    for (let at = describeThrown(error) as ReturnType<typeof describeThrown> | undefined; at; at = at.cause)
      seen.push(at.message);
    expect(seen).toEqual(['level 9', 'level 8', 'level 7', 'level 6', 'level 5', 'level 0']);
  });

  test('shows how many causes between are left out, of a thousand too', () => {
    let error = new Error('level 0');
    for (let level = 1; level <= 1000; level++) error = new Error(`level ${level}`, { cause: error });
    let at = describeThrown(error);
    while (at.cause !== undefined && at.causesLeftOut === undefined) at = at.cause;
    expect(at).toMatchObject({ message: 'level 996', causesLeftOut: 995, cause: { message: 'level 0' } });
  });

  test('that is an AggregateError has the errors that it consists of, three of them, with their causes', () => {
    const parts = [new Error('a', { cause: new Error('why') }), 'b', new TypeError('c'), new Error('d')];
    expect(describeThrown(new AggregateError(parts, 'all'))).toMatchObject({
      message: 'all',
      errors: [{ message: 'a', cause: { message: 'why' } }, { message: 'b' }, { name: 'TypeError', message: 'c' }],
    });
  });

  test('a cause that is not an Error is described too', () =>
    expect(describeThrown(new Error('x', { cause: 'disk full' })).cause).toEqual({
      name: 'NotAnError',
      message: 'disk full',
    }));

  test('a cause that leads back ends the chain', () => {
    const error = new Error('a');
    error.cause = new Error('b', { cause: error });
    expect(describeThrown(error).cause).toMatchObject({ message: 'b' });
    expect(describeThrown(error).cause).not.toHaveProperty('cause');
  });

  test('without a message of its own has those of its parts', () => {
    const parts = [new Error('connect ECONNREFUSED ::1:5432'), 'no error', new Error(''), new Error('never shown')];
    expect(describeThrown(new AggregateError(parts, '')).message).toBe('connect ECONNREFUSED ::1:5432');
    expect(describeThrown(new AggregateError([], '')).message).toBe('');
    expect(describeThrown(new AggregateError(parts, 'all failed')).message).toBe('all failed');
  });
});

describe('anything else that is thrown', () => {
  test.each<[string, unknown, string]>([
    ['a text', 'boom', 'boom'],
    ['an empty text', '', ''],
    ['nothing', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a number', 404, '404'],
    ['a bigint', 5n, '5n'],
    ['a symbol', Symbol('s'), 'a symbol'],
    ['a function', () => 1, 'a function'],
    ['an object', { status: 404 }, '{"status":404}'],
    ['a list', ['a', 1], '["a",1]'],
    ['an object with a message', { message: 'from elsewhere', detail: 5 }, 'from elsewhere'],
    ['an object that contains itself', throwing(1), 'an object with bad'],
    ['an object too large to show', { status: 500, body: 'x'.repeat(50_000) }, 'an object with status, body'],
    ['a list too large to show', ['x'.repeat(50_000)], 'an array'],
  ])('%s', (_, value, message) => expect(describeThrown(value)).toMatchObject({ name: expect.any(String), message }));

  test('an object that calls itself something keeps the name', () =>
    expect(describeThrown({ name: 'HttpError', message: 'not found' })).toEqual({
      name: 'HttpError',
      message: 'not found',
    }));
});

describe('bounds', () => {
  test('a stack of 10 MB and a message of 10 MB are cut', () => {
    const error = new Error('m'.repeat(10_000_000), { cause: new Error('c') });
    error.stack = 's'.repeat(10_000_000);
    (error.cause as Error).stack = 't'.repeat(10_000_000);
    const described = describeThrown(error);
    expect(described.message).toMatch(/^m{4096}\.\.\. \(9995904 more characters\)$/);
    expect(described.stack).toMatch(/^s{8192}\.\.\. \(\d+ more characters\)$/);
    expect(described.cause?.stack?.length).toBeLessThan(2200);
    expect(JSON.stringify(described).length).toBeLessThan(16_000);
  });

  test('bounds are bytes, of every text together', () => {
    const wide = (cause?: unknown): Error => {
      const error = new Error('日'.repeat(50_000), { cause });
      return Object.assign(error, { name: '😀'.repeat(1000), stack: 'é'.repeat(100_000), code: '日'.repeat(1000) });
    };
    let error: Error = wide();
    for (let level = 0; level < 20; level++) {
      error = Object.assign(wide(error), { errors: [wide(wide()), wide(wide(wide())), wide(), wide()] });
    }
    const described = describeThrown(error);
    expect(Buffer.byteLength(JSON.stringify(described))).toBeLessThan(MAX_DESCRIPTION_BYTES);
    expect(described.message).toMatch(/^日{1365}\.\.\. \(48635 more characters\)$/);
    expect(described.name).toMatch(/^(?:😀){32}\.\.\./u);
    expect(described.stack).toMatch(/^é{4096}\.\.\./);
  });

  test('a cut in the middle of a surrogate pair leaves no half', () =>
    expect(describeThrown(`${'x'.repeat(4095)}😀`).message.isWellFormed()).toBe(true));

  test('what PostgreSQL cannot store is replaced', () =>
    expect(describeThrown(new Error('a\u0000b\ud800')).message).toBe('a\uFFFDb\uFFFD'));

  test('a list of a million errors costs no more than its first ones', () => {
    const reads: string[] = [];
    const first = Array.from({ length: 10 }, () => new Error('same'));
    first.length = 1_000_000;
    const errors = new Proxy(first, {
      get: (list, key, receiver) => (reads.push(String(key)), Reflect.get(list, key, receiver) as unknown),
    });
    expect(describeThrown(Object.assign(new Error(''), { errors })).message).toBe('same; same; same');
    expect(reads.filter((key) => Number(key) >= 10)).toEqual([]);
  });
});

describe('it never throws', () => {
  test.each<[string, () => unknown]>([
    ['a getter that throws', () => throwingMessage()],
    ['a Proxy whose members throw', () => trapped('get')],
    ['a Proxy whose keys throw', () => trapped('ownKeys')],
    ['a revoked Proxy', () => revoked()],
    ['a revoked Proxy as cause', () => new Error('x', { cause: revoked() })],
    ['a revoked Proxy as list of errors', () => Object.assign(new Error(''), { errors: revoked() })],
    ['a Proxy among the errors', () => new AggregateError([trapped('get')], '')],
    ['a message that is an object', () => ({ message: { toString: null } })],
    ['a name that is a symbol', () => Object.assign(new Error('x'), { name: Symbol('n'), stack: 5, code: {} })],
  ])('%s', (_, make) => {
    const described = describeThrown(make());
    expect(typeof described.name).toBe('string');
    expect(typeof described.message).toBe('string');
    expect(toStorableJson(described, { maxBytes: 100_000 }).ok).toBe(true);
  });

  test('a revoked Proxy is described as an object', () =>
    expect(describeThrown(revoked())).toEqual({ name: 'NotAnError', message: 'an object' }));

  test('for every value that cannot be stored, thrown or as a cause', () => {
    for (const [, make] of UNSTORABLE) {
      const value = make();
      for (const described of [describeThrown(value), describeThrown(new Error('x', { cause: value }))]) {
        expect(toStorableJson(described, { maxBytes: 100_000 }).ok).toBe(true);
      }
    }
  });

  test('for any value', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withBoxedValues: true }), (value) => {
        const described = describeThrown(value);
        expect(toStorableJson(described, { maxBytes: 100_000 }).ok).toBe(true);
        expect(described.message.length).toBeLessThan(5000);
      }),
    );
  });
});
