import fc from '../support/fast-check.ts';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { preview } from '../../src/workflow/preview.ts';
import { toStorableJson } from '../../src/workflow/to-storable-json.ts';
import { cpuSeconds } from './cpu-seconds.ts';
import { UNSTORABLE } from './hostile-values.ts';

const maxBytes = 1_048_576;
const json = (value: unknown, limit = maxBytes) => {
  const result = toStorableJson(value, { maxBytes: limit });
  return result.ok ? result.json : result.reason;
};

describe('what cannot be stored has a reason', () => {
  test.each(UNSTORABLE)('%s', (_, make, reason) => {
    const value = make();
    const startedAt = cpuSeconds();
    const result = toStorableJson(value, { maxBytes });
    expect(result).toEqual({ ok: false, reason: expect.stringMatching(reason) });
    expect(cpuSeconds() - startedAt).toBeLessThan(5);
    const { reason: text } = result as { reason: string };
    expect(text.length).toBeLessThan(600);
    expect(toStorableJson(text, { maxBytes }).ok).toBe(true);
  });
});

describe('what JSON.stringify gets right stays as it is', () => {
  class Money {
    readonly cents = 5;
    toString() {
      return 'five';
    }
  }
  const at = new Date(0);
  const twice = { a: 1 };
  const cases: [string, unknown][] = [
    ['scalars', [true, false, null, 0, 1.5, 1e21, 1e-7, Number.MAX_SAFE_INTEGER, Number.MIN_VALUE, 'text', '']],
    ['minus zero is zero', [-0, { x: -0 }]],
    ['escapes', ['"\\\b\f\n\r\t\u0001\u001f\u007f\u2028', 'ä€😀', { 'k"\n': 1 }]],
    ['empty ones', [[], {}, [[]], { a: {} }]],
    ['members that are undefined', { a: undefined, b: 1, c: undefined }],
    ['undefined and holes in arrays', [undefined, 1, , 2]], // oxlint-disable-line no-sparse-arrays
    ['dates, at any depth', { at, list: [at] }],
    ['toJSON with its key', { k: { toJSON: (key: string) => `was ${key}` }, list: [{ toJSON: (key: string) => key }] }],
    ['a toJSON that returns undefined', { a: { toJSON: () => undefined }, b: 1, list: [{ toJSON: () => undefined }] }],
    ['only the first toJSON is called', { toJSON: () => ({ toJSON: 5, a: 1 }) }],
    ['a toJSON that is data', { toJSON: 'data' }],
    ['a Buffer, which has a toJSON', Buffer.from('abc')],
    ['a URL', new URL('https://example.org/a?b=c')],
    ['boxed values', [Object('text'), Object(5), Object(false)]],
    ['an instance of a class, its members', new Money()],
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1 })],
    ['symbols as keys are not members', { [Symbol('s')]: 1, a: 2 }],
    ['an array with members of its own', Object.assign([1, 2], { extra: 3 })],
    ['the same object twice is not a cycle', [twice, twice, { twice }]],
    ['keys that are numbers', { 2: 'b', 1: 'a', x: 'c' }],
    ['500 levels', JSON.parse(`${'['.repeat(500)}${']'.repeat(500)}`)],
  ];
  test.each(cases)('%s', (_, value) => expect(json(value)).toBe(JSON.stringify(value)));

  test('nothing at all is null', () => expect(json(undefined)).toBe('null'));

  test('501 levels are one too many', () =>
    expect(json(JSON.parse(`${'['.repeat(501)}${']'.repeat(501)}`))).toMatch(/nested deeper than 500 levels$/));

  test('__proto__ and constructor are keys like others', () => {
    const text = '{"__proto__":{"polluted":true},"constructor":1,"toString":2}';
    expect(json(JSON.parse(text))).toBe(text);
    expect(({} as { polluted?: true }).polluted).toBeUndefined();
  });

  test('objects of another realm', () => {
    const value: unknown = runInNewContext('({ a: [1, { b: new Date(0) }] })');
    expect(json(value)).toBe('{"a":[1,{"b":"1970-01-01T00:00:00.000Z"}]}');
    expect(toStorableJson(runInNewContext('[{ a: {} }]'), { maxBytes, plainOnly: true })).toEqual({
      ok: true,
      json: '[{"a":{}}]',
    });
    expect(json(runInNewContext('new Map()'))).toMatch(/is a Map/);
    expect(json(runInNewContext('new Date(NaN)'))).toMatch(/invalid Date/);
  });
});

describe('the limit', () => {
  test('counts bytes of UTF-8, to the byte', () => {
    for (const value of ['ascii', 'ä€😀', { schlüssel: ['ä', 1.5, null, true] }, '\n']) {
      const bytes = Buffer.byteLength(JSON.stringify(value));
      expect(json(value, bytes)).toBe(JSON.stringify(value));
      expect(json(value, bytes - 1)).toBe(
        `result is larger than ${bytes - 1} bytes of JSON: store it elsewhere and pass a reference`,
      );
    }
  });

  test('a limit that is not a number allows nothing', () => expect(json('x', NaN)).toMatch(/larger than NaN bytes/));

  test("never exceeds what jsonb's lengths can express", () =>
    expect(
      json(
        Array.from({ length: 3 }, () => 'x'.repeat(100_000_000)),
        Infinity,
      ),
    ).toMatch(/larger than 268435455 bytes/));

  test('is not what a value that was skipped has used', () => {
    const value = { a: { toJSON: () => undefined }, b: 'x'.repeat(90) };
    expect(json(value, JSON.stringify(value).length)).toBe(JSON.stringify(value));
  });
});

describe('the path in a reason', () => {
  test('shows odd keys quoted and storable', () => {
    expect(json({ 'odd key': [{ 'a"b': NaN }] })).toMatch(/^result\["odd key"\]\[0\]\["a\\"b"\] is NaN/);
    expect(json({ ['k'.repeat(1000)]: { x: NaN } }).length).toBeLessThan(250);
  });

  test('is cut in the middle when it is long', () =>
    expect(
      json(JSON.parse(`${'{"a":'.repeat(50)}1${'}'.repeat(50)}`, (_, value: unknown) => (value === 1 ? NaN : value))),
    ).toBe(`result${'.a'.repeat(8)}...${'.a'.repeat(4)} is NaN, which JSON cannot express`));

  test('begins with the label', () =>
    expect(toStorableJson([NaN], { maxBytes, label: 'input' })).toEqual({
      ok: false,
      reason: 'input[0] is NaN, which JSON cannot express',
    }));
});

const plain = (value: unknown) => toStorableJson(value, { maxBytes, plainOnly: true });

describe('only plain JSON (inputs)', () => {
  test('what is JSON passes, and members that are undefined are left out', () =>
    expect(plain({ a: [1, 'x', null, { b: true }], c: undefined })).toEqual({
      ok: true,
      json: '{"a":[1,"x",null,{"b":true}]}',
    }));

  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'result is undefined'],
    ['undefined in an array', [1, undefined], 'result[1] is undefined'],
    ['a Date', { at: new Date(0) }, 'result.at is a Date, which is not JSON'],
    ['a URL', [new URL('https://example.org')], 'result[0] is a URL, which is not JSON'],
    ['a toJSON', { toJSON: () => 1 }, 'result is an object of a class, which is not JSON'],
    [
      'an instance of a class',
      new (class Money {
        cents = 5;
      })(),
      'result is a Money, which is not JSON',
    ],
  ])('%s is refused', (_, value, reason) => expect(plain(value)).toEqual({ ok: false, reason }));
});

describe('for any value', () => {
  const anything = fc.anything({
    withBigInt: true,
    withBoxedValues: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withObjectString: true,
    withSet: true,
    withSparseArray: true,
    withTypedArray: true,
    withUnicodeString: true,
    maxDepth: 4,
  });

  test('it is refused, or its text is that of JSON.stringify', () => {
    fc.assert(
      fc.property(anything, (value) => {
        const result = toStorableJson(value, { maxBytes });
        fc.pre(result.ok);
        expect(result).toEqual({ ok: true, json: JSON.stringify(value) ?? 'null' });
      }),
      { numRuns: 2000 },
    );
  });

  test('JSON survives the round trip', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const result = toStorableJson(value, { maxBytes, plainOnly: true });
        expect(result).toEqual({ ok: true, json: JSON.stringify(value) });
      }),
      { numRuns: 1000 },
    );
  });

  test('it can be shown in one short line', () => {
    fc.assert(
      fc.property(anything, (value) => {
        const text = preview(value);
        expect(text.length).toBeLessThan(120);
        expect(text.includes('\n') || text.includes('\u0000')).toBe(false);
        expect(text.isWellFormed()).toBe(true);
      }),
    );
  });
});
