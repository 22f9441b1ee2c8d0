import fc from '../support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { InvalidInputError } from '../../src/errors.ts';
import { canonicalJson } from '../../src/workflow/canonical-json.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import type { IdentityStrategy } from '../../src/workflow/definition.ts';
import { identityHash } from '../../src/workflow/identity.ts';
import type { Json } from '../../src/workflow/json.ts';

const workflow = (
  identity: IdentityStrategy,
  overrides: { namespace?: string; name?: string; version?: string } = {},
) =>
  defineWorkflow({ namespace: 'shop', name: 'orders', version: '1.0.0', ...overrides, identity, input: z.any() })
    .step('a', () => null)
    .build();

describe('unique', () => {
  test('the same input twice is two tasks', () => {
    const hashes = new Set(Array.from({ length: 100 }, () => identityHash(workflow('unique'), { input: { id: 1 } })));
    expect(hashes.size).toBe(100);
  });
});

const contentHash = (input: Json, overrides = {}) => identityHash(workflow('content_hash', overrides), { input });

describe('content_hash', () => {
  test('the same in every process and release', () =>
    expect(contentHash({ id: 1, lines: ['a', 'b'] })).toBe(
      'b07f0a6bc5da9a94d025f13e39ba7c4dceb107ea2039540de8576692fe259381',
    ));

  test('the order of keys does not matter, the order of a list does', () => {
    expect(contentHash({ a: 1, b: { c: 2, d: 3 } })).toBe(contentHash({ b: { d: 3, c: 2 }, a: 1 }));
    expect(contentHash({ list: [1, 2] })).not.toBe(contentHash({ list: [2, 1] }));
  });

  test('namespace, name and version are part of it', () => {
    const hashes = [{}, { namespace: 'other' }, { name: 'other' }, { version: '1.0.1' }].map((overrides) =>
      contentHash({ id: 1 }, overrides),
    );
    expect(new Set(hashes).size).toBe(4);
  });

  test('similar values are not the same', () =>
    expect(
      new Set([1, '1', true, 'true', null, 'null', [], {}, [1], { 0: 1 }].map((input) => contentHash(input as Json)))
        .size,
    ).toBe(10));
});

const keyHash = (key: unknown, overrides = {}, input: Json = {}) =>
  identityHash(workflow('caller_key', overrides), { input, key: key as string });

describe('caller_key', () => {
  test('the key decides, not the input and not the version', () => {
    expect(keyHash('order-1', {}, { a: 1 })).toBe(keyHash('order-1', { version: '2.0.0' }, { a: 2 }));
    expect(keyHash('order-1')).not.toBe(keyHash('order-2'));
  });

  test('a key belongs to one workflow of one namespace', () =>
    expect(new Set([keyHash('k'), keyHash('k', { name: 'other' }), keyHash('k', { namespace: 'other' })]).size).toBe(
      3,
    ));

  test('keys are compared character by character', () => expect(keyHash('Order-1')).not.toBe(keyHash('order-1')));

  test.each([
    ['no key', undefined, /workflow shop\/orders 1\.0\.0 needs a key/],
    ['an empty key', '', /the key is ""/],
    ['a key of 256 characters', 'x'.repeat(256), /1 to 255 characters/],
    ['a key with a line break', 'a\nb', /without control characters/],
    ['a key with the character zero', 'a\u0000', /without control characters/],
    ['half a surrogate pair', '\ud800', /the key is/],
    ['a number', 5, /the key is 5/],
  ])('%s is refused', (_, key, message) => {
    expect(() => keyHash(key)).toThrow(InvalidInputError);
    expect(() => keyHash(key)).toThrow(message);
  });

  test('255 characters and any alphabet are fine', () => {
    expect(keyHash('x'.repeat(255))).toHaveLength(64);
    expect(keyHash('Bestellung Nr. 5 für Łukasz 😀')).toHaveLength(64);
  });
});

test('a key for a workflow that would ignore it is refused', () => {
  for (const identity of ['unique', 'content_hash'] as const) {
    expect(() => identityHash(workflow(identity), { input: {}, key: 'order-1' })).toThrow(
      `workflow shop/orders 1.0.0 has the identity "${identity}", which uses no key, but the submit has the key "order-1"`,
    );
  }
});

test('no identity is longer than the column, and none of one kind is one of another', () => {
  const content = identityHash(workflow('content_hash'), { input: 'k' });
  const key = identityHash(workflow('caller_key'), { input: 'k', key: 'k' });
  expect(content).not.toBe(key);
  expect([content, key, identityHash(workflow('unique'), { input: 'k' })].every((hash) => hash.length <= 128)).toBe(
    true,
  );
});

describe('canonical JSON', () => {
  test('has sorted keys at every level and no spaces', () =>
    expect(canonicalJson({ b: [{ z: 1, a: -0 }], a: 'ä', '': null })).toBe('{"":null,"a":"ä","b":[{"a":0,"z":1}]}'));

  test('leaves out members that are undefined', () =>
    expect(canonicalJson({ a: undefined, b: 1 } as unknown as Json)).toBe('{"b":1}'));

  test('is equal exactly for values that are equal', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (left, right) => {
        const shuffled = shuffle(left as Json);
        expect(canonicalJson(shuffled)).toBe(canonicalJson(left as Json));
        expect(JSON.parse(canonicalJson(left as Json))).toEqual(JSON.parse(JSON.stringify(left)));
        const same = canonicalJson(left as Json) === canonicalJson(right as Json);
        expect(same).toBe(JSON.stringify(sorted(left as Json)) === JSON.stringify(sorted(right as Json)));
      }),
    );
  });
});

function mapObjects(value: Json, order: (keys: string[]) => string[]): Json {
  if (Array.isArray(value)) return value.map((item: Json) => mapObjects(item, order));
  if (typeof value !== 'object' || value === null) return value;
  const object = value as Record<string, Json>;
  return Object.fromEntries(order(Object.keys(object)).map((key) => [key, mapObjects(object[key] as Json, order)]));
}
const shuffle = (value: Json) => mapObjects(value, (keys) => keys.toReversed());
const sorted = (value: Json) => mapObjects(value, (keys) => keys.toSorted());
