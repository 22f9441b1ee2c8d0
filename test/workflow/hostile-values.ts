/** Values that break careless code: each is a recipe, because some can be used only once. */
export const UNSTORABLE: [string, () => unknown, RegExp][] = [
  ['a bigint', () => 5n, /^result is a bigint, which JSON cannot express$/],
  ['a symbol', () => Symbol('s'), /^result is a symbol/],
  ['a function', () => () => 1, /^result is a function/],
  [
    'a class',
    () =>
      class A {
        x = 1;
      },
    /^result is a function/,
  ],
  ['a member that is a function', () => ({ a: { f: () => 1 } }), /^result\.a\.f is a function/],
  ['NaN', () => [1, NaN], /^result\[1\] is NaN/],
  ['Infinity', () => ({ x: Infinity }), /^result\.x is Infinity/],
  ['minus Infinity', () => -Infinity, /^result is -Infinity/],
  ['a boxed NaN', () => Object(NaN), /^result is NaN/],
  ['a boxed bigint', () => Object(5n), /^result is a bigint/],
  ['an object that contains itself', () => cyclic({}), /^result\.self contains itself$/],
  ['an array that contains itself', () => cyclicArray(), /^result\[0\]\[0\] contains itself$/],
  ['a toJSON that returns its own object', () => cyclicThroughToJson(), /contains itself$/],
  ['a Map', () => ({ m: new Map([[1, 2]]) }), /^result\.m is a Map: use Object\.fromEntries\(map\)$/],
  ['an empty Map', () => new Map(), /is a Map/],
  ['a Set', () => new Set([1]), /is a Set/],
  ['a WeakMap', () => new WeakMap(), /is a WeakMap, of which JSON would keep nothing/],
  ['a regular expression', () => /a/, /is a RegExp, of which/],
  ['a promise that nobody awaited', () => ({ later: Promise.resolve(1) }), /^result\.later is a Promise: await it$/],
  ['an Error', () => [new TypeError('no')], /^result\[0\] is an Error/],
  ['an ArrayBuffer', () => new ArrayBuffer(8), /is binary data/],
  ['a typed array', () => new Float64Array(3), /is binary data/],
  ['a DataView', () => new DataView(new ArrayBuffer(8)), /is binary data/],
  ['request headers', () => new Headers({ a: 'b' }), /is a Headers, of which JSON would keep nothing/],
  ['a generator', () => (function* () {})(), /of which JSON would keep nothing|is a/],
  ['an invalid Date', () => ({ at: new Date('nonsense') }), /^result\.at is an invalid Date$/],
  ['the character zero in a text', () => ['a\u0000b'], /^result\[0\] contains the character \\u0000/],
  ['the character zero in a key', () => ({ ok: { 'a\u0000': 1 } }), /has a key that contains the character \\u0000/],
  ['half a surrogate pair', () => 'a\ud800', /half of a surrogate pair/],
  ['the other half', () => ({ t: '\udc00x' }), /^result\.t contains half of a surrogate pair/],
  ['halves in the wrong order', () => '\udc00\ud800', /half of a surrogate pair/],
  ['half a pair in a key', () => ({ '\ud800': 1 }), /has a key that contains half/],
  ['a million levels of arrays', () => nested(1_000_000, (inner) => [inner]), /nested deeper than 500 levels$/],
  ['a million levels of objects', () => nested(1_000_000, (inner) => ({ inner })), /nested deeper than 500 levels$/],
  ['a getter that always makes another level', () => endless(), /nested deeper than 500 levels$/],
  ['a getter that throws', () => throwingGetter(), /^result\.a\.bad cannot be read: no luck$/],
  ['a getter that throws undefined', () => throwing(undefined), /cannot be read: it threw undefined$/],
  ['a getter that throws what cannot be read', () => throwing(throwingMessage()), /cannot be read/],
  ['a toJSON that throws', () => ({ toJSON: () => fail(new Error('tired')) }), /^result cannot be read: tired$/],
  ['a toJSON that returns a function', () => ({ toJSON: () => () => 1 }), /^result is a function/],
  ['a Proxy whose keys throw', () => trapped('ownKeys'), /cannot be read: trapped$/],
  ['a Proxy whose members throw', () => trapped('get'), /cannot be read: trapped$/],
  ['a Proxy whose prototype throws', () => trapped('getPrototypeOf'), /cannot be read: trapped$/],
  ['a revoked Proxy', () => revoked(), /cannot be read/],
  ['a Proxy with endless keys', () => manyKeys(), /is larger than/],
  ['an array of endless length', () => lyingArray(), /is larger than/],
  ['an array of holes', () => emptyArray(2 ** 32 - 1), /is larger than/],
  ['shared objects that unfold to 2^60', () => shared(60), /is larger than/],
  ['shared objects that unfold to nothing, 10^12 times', () => sharedNothing(), /is larger than/],
  ['a text of 50 MB', () => 'x'.repeat(50_000_000), /is larger than/],
  ['a key of 50 MB', () => ({ ['x'.repeat(50_000_000)]: 1 }), /is larger than/],
];

function fail(thrown: unknown): never {
  throw thrown;
}
function cyclic(object: Record<string, unknown>) {
  object['self'] = object;
  return object;
}
function cyclicArray() {
  const inner: unknown[] = [];
  inner.push(inner);
  return [inner];
}
function cyclicThroughToJson() {
  const object: Record<string, unknown> = {};
  object['a'] = { toJSON: () => object };
  return object;
}
function nested(levels: number, wrap: (inner: unknown) => unknown) {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = wrap(value);
  return value;
}
function endless(): object {
  return {
    get next() {
      return endless();
    },
  };
}
function throwingGetter() {
  return {
    a: {
      fine: 1,
      get bad() {
        return fail(new Error('no luck'));
      },
    },
  };
}
export function throwing(thrown: unknown): object {
  return {
    get bad() {
      return fail(thrown);
    },
  };
}
export function throwingMessage(): object {
  return Object.defineProperty({}, 'message', { get: () => fail(new Error('not even this')), enumerable: true });
}
export function trapped(trap: 'ownKeys' | 'get' | 'getPrototypeOf' | 'has'): object {
  return new Proxy({ a: 1 }, { [trap]: () => fail(new Error('trapped')) });
}
export function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
function manyKeys() {
  const keys = Array.from({ length: 300_000 }, (_, index) => `key_${index}`);
  return new Proxy(
    {},
    {
      ownKeys: () => keys,
      getOwnPropertyDescriptor: () => ({ value: 1, enumerable: true, configurable: true }),
      get: (_, key) => (key === 'toJSON' ? undefined : 1),
    },
  );
}
function lyingArray() {
  return new Proxy([], { get: (_, key) => (key === 'length' ? 1e308 : undefined) });
}
function emptyArray(length: number) {
  const array: unknown[] = [];
  array.length = length;
  return array;
}
function shared(doublings: number) {
  let value: unknown = 1;
  for (let level = 0; level < doublings; level++) value = [value, value];
  return value;
}
function sharedNothing() {
  const nothing = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`k${index}`, undefined]));
  const row = Array.from({ length: 1000 }, () => nothing);
  return Array.from({ length: 1000 }, () => row);
}
