import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/workflow/json.ts';
import { fromJsonSchema } from '../../src/workflow/json-schema.ts';

/** Whether the converted schema accepts each value. */
async function accepts(schema: JsonObject, values: unknown[]): Promise<boolean[]> {
  const converted = fromJsonSchema(schema);
  if (!converted.ok) throw new Error(JSON.stringify(converted.problems));
  const results = await Promise.all(values.map((value) => converted.schema['~standard'].validate(value)));
  return results.map(({ issues }) => issues === undefined);
}
const problems = (schema: unknown) => {
  const converted = fromJsonSchema(schema as JsonObject);
  return converted.ok ? [] : converted.problems.map(({ path, message }) => `${path.join('.')} ${message}`.trim());
};

describe('what a schema states is enforced', () => {
  test.each<[string, JsonObject, unknown[], unknown[]]>([
    ['types', { type: 'string' }, ['a', ''], [1, null, {}]],
    ['several types', { type: ['string', 'null'] }, ['a', null], [1]],
    ['integers', { type: 'integer', minimum: 1, maximum: 3 }, [1, 3], [0, 4, 1.5, '1']],
    ['open bounds', { type: 'number', exclusiveMinimum: 0, multipleOf: 0.5 }, [0.5, 7], [0, 0.3]],
    ['open bounds as draft 4 wrote them', { type: 'number', minimum: 0, exclusiveMinimum: true }, [0.1], [0]],
    [
      'lengths and patterns',
      { type: 'string', minLength: 2, maxLength: 3, pattern: '^a' },
      ['ab', 'abc'],
      ['a', 'abcd', 'ba'],
    ],
    ['formats', { type: 'string', format: 'email' }, ['a@example.org'], ['a']],
    ['dates with an offset', { type: 'string', format: 'date-time' }, ['2026-01-01T00:00:00+02:00'], ['2026-01-01']],
    ['choices', { enum: ['a', 1, null] }, ['a', 1, null], ['b', 2]],
    ['a constant', { const: 5 }, [5], [4]],
    [
      'required members',
      { type: 'object', required: ['a'], properties: { a: {}, b: { type: 'number' } } },
      [{ a: 1 }, { a: 1, more: 2 }],
      [{}, { a: 1, b: 'x' }],
    ],
    [
      'no further members',
      { type: 'object', properties: { a: {} }, additionalProperties: false },
      [{}, { a: 1 }],
      [{ b: 1 }],
    ],
    [
      'further members of one kind',
      { type: 'object', additionalProperties: { type: 'number' } },
      [{ x: 1 }],
      [{ x: 'y' }],
    ],
    [
      'members by pattern',
      { type: 'object', patternProperties: { '^n_': { type: 'number' } } },
      [{ n_a: 1, b: 'x' }],
      [{ n_a: 'x' }],
    ],
    ['names of members', { type: 'object', propertyNames: { pattern: '^[a-z]+$' } }, [{ ab: 1 }], [{ A: 1 }]],
    [
      'lists',
      { type: 'array', items: { type: 'number' }, minItems: 1, uniqueItems: true },
      [[1, 2]],
      [[], ['a'], [1, 1]],
    ],
    [
      'tuples',
      { type: 'array', prefixItems: [{ type: 'string' }], items: false, minItems: 1 },
      [['a']],
      [[1], ['a', 'b']],
    ],
    [
      'one of several',
      {
        oneOf: [
          { type: 'number', minimum: 5 },
          { type: 'number', maximum: 10 },
        ],
      },
      [1, 20],
      [7, 'x'],
    ],
    ['any of several', { anyOf: [{ type: 'string' }, { type: 'number' }] }, ['a', 1], [true]],
    [
      'all of several',
      {
        allOf: [
          { type: 'number', minimum: 1 },
          { type: 'number', maximum: 2 },
        ],
      },
      [1, 2],
      [0, 3],
    ],
    [
      'references, of new drafts',
      { type: 'object', properties: { a: { $ref: '#/$defs/n' } }, $defs: { n: { type: 'number' } } },
      [{ a: 1 }],
      [{ a: 'x' }],
    ],
    [
      'references, of old drafts',
      { type: 'object', properties: { a: { $ref: '#/definitions/n' } }, definitions: { n: { type: 'number' } } },
      [{ a: 1 }],
      [{ a: 'x' }],
    ],
    [
      'a schema that refers to itself',
      {
        $ref: '#/$defs/t',
        $defs: { t: { type: 'object', properties: { kids: { type: 'array', items: { $ref: '#/$defs/t' } } } } },
      },
      [{ kids: [{ kids: [] }] }],
      [{ kids: [5] }],
    ],
    ['nothing at all', {}, [1, null, 'x'], []],
    ['a schema that is false', { type: 'object', properties: { never: false } }, [{}], [{ never: 1 }]],
  ])('%s', async (_, schema, good, bad) => {
    expect(await accepts(schema, good)).toEqual(good.map(() => true));
    expect(await accepts(schema, bad)).toEqual(bad.map(() => false));
  });

  test('defaults are filled in', async () => {
    const converted = fromJsonSchema({ type: 'object', properties: { a: { type: 'string', default: 'x' } } });
    expect(converted.ok && (await converted.schema['~standard'].validate({}))).toEqual({ value: { a: 'x' } });
  });
});

describe('a schema that would check less than it states is refused', () => {
  test.each<[string, unknown, string]>([
    ['members without a type', { properties: { a: {} } }, 'properties would be ignored without "type: object": add it'],
    ['a bound without a type', { minimum: 5 }, 'minimum would be ignored without "type: number": add it'],
    [
      'a bound of another type',
      { type: 'string', minimum: 5 },
      'minimum would be ignored without "type: number": add it',
    ],
    [
      'a bound next to a choice',
      { type: 'string', enum: ['a'], minLength: 5 },
      'minLength would be ignored next to "enum": use allOf',
    ],
    [
      'a type next to a reference',
      { $ref: '#/$defs/a', type: 'object', $defs: { a: {} } },
      'type would be ignored next to "$ref"',
    ],
    [
      'required without properties',
      { type: 'object', required: ['a'] },
      'required names "a", which is not in properties',
    ],
    [
      'required that every object has',
      { type: 'object', required: ['toString'], properties: {} },
      'required names "toString", which is not in properties',
    ],
    [
      'required as draft 3 wrote it',
      { type: 'object', properties: { a: { type: 'object', required: true } } },
      'properties.a.required is a list of member names',
    ],
    [
      'an unknown format',
      { type: 'string', format: 'e-mail' },
      'format "e-mail" cannot be enforced: did you mean "email"?',
    ],
    ['a format that is no text', { type: 'string', format: 5 }, 'format 5 cannot be enforced'],
    ['a pattern that is none', { type: 'string', pattern: '(' }, 'pattern is "(": it is a regular expression'],
    ['a pattern that is a number', { type: 'string', pattern: 5 }, 'pattern is 5'],
    [
      'a misspelt keyword',
      { type: 'string', minLenght: 5 },
      'minLenght is not a keyword that can be enforced: did you mean "minLength"?',
    ],
    [
      'a keyword that zod ignores',
      { type: 'object', dependencies: {} },
      'dependencies is not a keyword that can be enforced',
    ],
    ['conditions', { if: {}, else: {} }, 'if is not a keyword that can be enforced'],
    ['a negation', { not: { type: 'string' } }, 'cannot be used: not is not supported'],
    [
      'a reference to elsewhere',
      { $ref: 'https://example.org/schema' },
      'cannot be used: External $ref is not supported',
    ],
    ['a reference to nothing', { $ref: '#/$defs/a' }, 'cannot be used: Reference not found'],
    ['an unknown type', { type: 'text' }, 'cannot be used: Unsupported type: text'],
    ['properties that are a list', { type: 'object', properties: [] }, 'properties is []: it is a map of schemas'],
    [
      'a member that is no schema',
      { type: 'object', properties: { a: 'number' } },
      'properties.a is "number": a schema is a map',
    ],
    ['choices that are no list', { anyOf: {} }, 'anyOf is not a list of schemas'],
    [
      'a mistake deep down',
      { type: 'array', items: { allOf: [{ type: 'object', additionalProperties: { minimum: 1 } }] } },
      'items.allOf.0.additionalProperties.minimum would be ignored',
    ],
    [
      'a length of further members without a type',
      { type: 'object', additionalProperties: { minLength: 1 } },
      'additionalProperties.minLength would be ignored without "type: string": add it',
    ],
    ['a mistake in a definition', { $defs: { a: { minLenght: 1 } } }, '$defs.a.minLenght is not a keyword'],
    ['a mistake in a tuple', { type: 'array', prefixItems: [{ minLenght: 1 }] }, 'prefixItems.0.minLenght'],
    [
      'a mistake in names of members',
      { type: 'object', propertyNames: { minimum: 1 } },
      'propertyNames.minimum would be ignored',
    ],
  ])('%s', (_, schema, message) => expect(problems(schema)).toContainEqual(expect.stringContaining(message)));

  test('every mistake is reported', () =>
    expect(problems({ minimum: 1, maxLength: 2, colour: 'red' })).toHaveLength(3));

  test('annotations and extensions are fine', () =>
    expect(
      problems({
        $schema: 'http://json-schema.org/draft-07/schema#',
        $id: 'x',
        title: 't',
        description: 'd',
        examples: [1],
        'x-own': 1,
        type: 'number',
        readOnly: true,
      }),
    ).toEqual([]));
});
