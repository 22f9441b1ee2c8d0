import fc from '../support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import { describeThrown } from '../../src/workflow/describe-thrown.ts';
import { toStorableJson } from '../../src/workflow/to-storable-json.ts';
import { useTestDatabase } from '../support/test-database.ts';

/** What to-storable-json.ts promises, checked with the database that has to accept it. */
const database = await useTestDatabase({ empty: true });
const maxBytes = 1_048_576;

async function roundTrip(json: string): Promise<unknown> {
  const [row] = await database.query<{ value: unknown }>('SELECT $1::jsonb AS value', [json]);
  return row?.value;
}

const nastyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.string({
    unit: fc.constantFrom(
      '\u0000',
      '\ud800',
      '\udc00',
      '\ud83d\ude00',
      '\u2028',
      '\ufffe',
      '\uffff',
      '"',
      '\\',
      '\u007f',
      'a',
    ),
  }),
);
const nastyNumber = fc.oneof(
  fc.double(),
  fc.constantFrom(Number.MAX_VALUE, Number.MIN_VALUE, -Number.MAX_VALUE, 5e-324, 2 ** 53, 1e21, 1e-7, -0),
);
const { value: nastyValue } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    nastyText,
    nastyNumber,
    fc.boolean(),
    fc.constantFrom(null, undefined),
    fc.date(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(nastyText, fc.constantFrom('__proto__', '', 'a')), tie('value'), { maxKeys: 4 }),
  ),
}));

describe('PostgreSQL', () => {
  test('accepts every text that is called storable, and gives back the same value', async () => {
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(nastyValue, async (value) => {
        const result = toStorableJson(value, { maxBytes });
        if (!result.ok) return;
        accepted += 1;
        expect(await roundTrip(result.json)).toEqual(JSON.parse(result.json));
      }),
      { numRuns: 2000 },
    );
    expect(accepted).toBeGreaterThan(400);
  });

  test('accepts every reason, and every description of a thrown value', async () => {
    await fc.assert(
      fc.asyncProperty(nastyText, nastyValue, async (text, value) => {
        const refused = toStorableJson({ [text]: NaN }, { maxBytes });
        const described = describeThrown(Object.assign(new Error(text), { name: text, code: text, cause: value }));
        const all = [refused, described, describeThrown(text), describeThrown(value)];
        expect(await roundTrip(JSON.stringify(all))).toEqual(JSON.parse(JSON.stringify(all)));
      }),
      { numRuns: 500 },
    );
  });

  test('accepts the deepest nesting that is allowed', async () => {
    const deep: unknown = JSON.parse(`${'[{"a":'.repeat(250)}1${'}]'.repeat(250)}`);
    const result = toStorableJson(deep, { maxBytes });
    expect(result.ok).toBe(true);
    expect(await roundTrip(JSON.stringify(deep))).toEqual(deep);
  });

  test.each([
    ['the character zero', '"\\u0000"'],
    ['half a surrogate pair', '"\\ud800"'],
    ['the other half', '"\\udc00"'],
    ['the character zero in a key', '{"\\u0000": 1}'],
    ['NaN', 'NaN'],
    ['nesting without end', '['.repeat(100_000)],
  ])('refuses %s, which is why it is not storable', async (_, text) => {
    await expect(roundTrip(text)).rejects.toThrow(/./);
  });
});
