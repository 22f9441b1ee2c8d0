import { expect, test } from 'vitest';
import { z } from 'zod';
import { sampleInput } from '../../src/dev/sample-input.ts';

test.each([
  ['required members only', z.object({ order: z.string(), note: z.string().optional() }), { order: 'order' }],
  ['the first example', z.object({ item: z.string().meta({ examples: ['coffee'] }) }), { item: 'coffee' }],
  ['the first of several values', z.object({ size: z.enum(['s', 'm']) }), { size: 's' }],
  [
    'numbers within their bounds',
    z.object({ count: z.int().positive(), from: z.number().min(5) }),
    { count: 1, from: 5 },
  ],
  [
    'lists and objects in each other',
    z.object({ lines: z.array(z.object({ on: z.boolean() })) }),
    { lines: [{ on: false }] },
  ],
  ['formats', z.object({ to: z.email() }), { to: 'ada@example.com' }],
])('has %s', (_, schema, expected) => {
  expect(JSON.parse(sampleInput(schema))).toEqual(expected);
  expect(schema.safeParse(expected).success).toBe(true);
});

test('is empty for a schema that cannot be described', () => {
  expect(sampleInput({ '~standard': { version: 1, vendor: 'own', validate: (value) => ({ value }) } })).toBe('{}');
});
