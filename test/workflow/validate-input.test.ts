import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { InvalidInputError } from '../../src/errors.ts';
import { fromJsonSchema } from '../../src/workflow/json-schema.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import type { StandardSchema } from '../../src/workflow/standard-schema.ts';
import { validateInput } from '../../src/workflow/validate-input.ts';

const workflow = (input: StandardSchema) =>
  defineWorkflow({ namespace: 'shop', name: 'orders', version: '1.2.3', input }).step('a', () => null);

const order = workflow(
  z.object({
    id: z.number().int(),
    note: z.string().default('none'),
    lines: z.array(z.object({ quantity: z.number().min(1) })).optional(),
    login: z.object({ password: z.string().min(8) }).optional(),
  }),
);

async function refusal(definition: ReturnType<typeof workflow>, value: unknown): Promise<InvalidInputError> {
  const error: unknown = await validateInput(definition, value).catch((thrown: unknown) => thrown);
  if (error instanceof InvalidInputError) return error;
  throw new Error(`not refused: ${JSON.stringify(error)}`);
}

describe('an input that fits', () => {
  test('comes back as the schema made it: defaults filled in, unknown members gone', async () =>
    expect(await validateInput(order, { id: 1, extra: true })).toEqual({ id: 1, note: 'none' }));

  test('transforms are applied', async () =>
    expect(await validateInput(workflow(z.object({ id: z.string().transform(Number) })), { id: '7' })).toEqual({
      id: 7,
    }));

  test('a schema may take its time', async () =>
    expect(await validateInput(workflow(z.string().refine(async (text) => text.length > 2)), 'abc')).toBe('abc'));

  test('without a schema is any JSON, and nothing else', async () => {
    const anything = defineWorkflow({ name: 'anything' }).step('a', () => null);
    for (const value of [{ some: ['thing'] }, 'text', 0, false, null])
      expect(await validateInput(anything, value)).toEqual(value);
    await expect(validateInput(anything, new Date())).rejects.toThrow(/input is a Date/);
    await expect(validateInput(anything, undefined)).rejects.toThrow(/input is undefined/);
  });

  test('is a copy that nobody else can change', async () => {
    const given = { id: 1, lines: [{ quantity: 1 }] };
    const validated = (await validateInput(workflow(z.any()), given)) as typeof given;
    (given.lines[0] as { quantity: number }).quantity = 99;
    expect(validated.lines[0]?.quantity).toBe(1);
  });

  test('__proto__ is data', async () => {
    const given: unknown = JSON.parse('{"__proto__": {"admin": true}, "id": 1}');
    const validated = await validateInput(workflow(z.unknown()), given);
    expect(Object.keys(validated as object)).toEqual(['__proto__', 'id']);
    expect((validated as { admin?: boolean }).admin).toBeUndefined();
  });
});

describe('an input that does not fit', () => {
  test('the error names the workflow, every field, its value and what is wrong', async () => {
    const error = await refusal(order, { id: 'x', lines: [{ quantity: 2 }, { quantity: 0 }], note: 5 });
    expect(error.message.split('\n')).toEqual([
      'workflow shop/orders 1.2.3 does not accept this input:',
      '  - id: Invalid input: expected number, received string (the value is "x")',
      '  - note: Invalid input: expected string, received number (the value is 5)',
      '  - lines[1].quantity: Too small: expected number to be >=1 (the value is 0)',
    ]);
    expect(error.code).toBe('INPUT_INVALID');
    expect(error.details).toMatchObject({ namespace: 'shop', name: 'orders', version: '1.2.3' });
    expect(error.details['issues']).toHaveLength(3);
    expect(error.details['issues']).toContainEqual({
      path: 'lines[1].quantity',
      message: expect.stringContaining('Too small'),
    });
  });

  test('a member that is missing', async () =>
    expect((await refusal(order, {})).message).toContain(
      'id: Invalid input: expected number, received undefined (the value is missing)',
    ));

  test('the input as a whole', async () =>
    expect((await refusal(order, 'text')).message).toBe(
      'workflow shop/orders 1.2.3 does not accept this input: Invalid input: expected object, received string (the value is "text")',
    ));

  test('a secret is not shown, nor an object that may hold one', async () => {
    expect((await refusal(order, { id: 1, login: { password: 'hunter2' } })).message).toContain(
      'login.password: Too small',
    );
    expect((await refusal(order, { id: 1, login: { password: 'hunter2' } })).message).not.toContain('hunter2');
    expect((await refusal(order, { id: { password: 'hunter2' } })).message).toContain('(the value is an object)');
  });

  test('what cards and accounts have is not shown, in message and details', async () => {
    const schema = z.object({
      card: z.object({ number: z.string().max(4), cvv: z.string().max(2) }),
      person: z.object({ ssn: z.string().max(3), iban: z.string().max(3), name: z.string().max(3) }),
    });
    const input = {
      card: { number: '4111111111111111', cvv: '9876' },
      person: { ssn: '078-05-1120', iban: 'DE89370400440532013000', name: 'Alice' },
    };
    const error = await refusal(workflow(schema), input);
    const all = `${error.message}${JSON.stringify(error.details)}`;
    for (const secret of ['4111', '9876', '078-05', 'DE89']) expect(all).not.toContain(secret);
    expect(error.message).toContain(
      'card.number: Too big: expected string to have <=4 characters (the value is not shown)',
    );
    expect(error.message).toContain(
      'person.name: Too big: expected string to have <=3 characters (the value is "Alice")',
    );
  });

  test('what the schema calls a secret is not shown', async () => {
    const schema = z.object({
      answer: z.string().max(3).meta({ writeOnly: true }),
      list: z.array(z.object({ word: z.string().max(3).meta({ format: 'password' }) })),
      odd: z.date().optional(),
    });
    const { message } = await refusal(workflow(schema), { answer: 'hunter2', list: [{ word: 'hunter2' }] });
    expect(message).toContain('answer: Too big');
    expect(message).toContain('list[0].word: Too big');
    expect(message).not.toContain('hunter2');
    const written = fromJsonSchema({
      type: 'object',
      properties: { a: { $ref: '#/$defs/word' }, b: { type: 'string', maxLength: 3, writeOnly: true } },
      $defs: { word: { type: 'string', maxLength: 3, format: 'password' } },
    });
    if (!written.ok) throw new Error(JSON.stringify(written.problems));
    const fromYaml = await refusal(workflow(written.schema), { a: 'hunter2', b: 'hunter2' });
    expect(fromYaml.details['issues']).toHaveLength(2);
    expect(fromYaml.message).not.toContain('hunter2');
  });

  test('a message of the schema that quotes a secret is not shown either', async () => {
    const schema = z.object({
      token: z.string().refine(() => false, { error: ({ input }) => `bad: ${String(input)}` }),
    });
    const { message } = await refusal(workflow(schema), { token: 'hunter2' });
    expect(message).toContain('token: is not valid (the value is not shown)');
    expect(message).not.toContain('hunter2');
  });

  test('no value at all is shown on request', async () => {
    const error: unknown = await validateInput(order, { id: 'visible', note: 5 }, { hideValues: true }).catch(
      (thrown: unknown) => thrown,
    );
    expect((error as Error).message.split('\n').slice(1)).toEqual([
      '  - id: Invalid input: expected number, received string (the value is not shown)',
      '  - note: Invalid input: expected string, received number (the value is not shown)',
    ]);
  });

  test('a list is not shown, and a member that is undefined is missing', async () => {
    expect((await refusal(order, { id: [1, 2] })).message).toContain('(the value is an array)');
    expect((await refusal(order, { id: undefined })).message).toContain('(the value is missing)');
  });

  test('a long value is cut', async () => {
    const { message } = await refusal(order, { id: 'x'.repeat(100_000) });
    expect(message).toContain('(99940 more characters)');
    expect(message.length).toBeLessThan(300);
  });

  test('more than 20 issues are counted, not listed', async () => {
    const error = await refusal(order, { id: 1, lines: Array.from({ length: 50 }, () => ({ quantity: 0 })) });
    expect(error.message).toMatch(/\.\.\. and 30 more$/);
    expect(error.details['issues']).toHaveLength(20);
  });

  test('odd keys are quoted, and nothing is read from prototypes', async () => {
    const schema = issueAt(['odd key', 0, Symbol('s'), { key: 'toString' }]);
    expect((await refusal(workflow(schema), {})).message).toBe(
      'workflow shop/orders 1.2.3 does not accept this input: ["odd key"][0]["Symbol(s)"].toString: no (the value is missing)',
    );
    expect((await refusal(workflow(issueAt(['toString'])), {})).message).toContain('(the value is missing)');
    expect((await refusal(workflow(issueAt(['a', 'b'])), { a: null })).message).toContain('(the value is missing)');
    expect((await refusal(workflow(issueAt(['a', 'length'])), { a: 'text' })).message).toContain(
      '(the value is missing)',
    );
  });
});

describe('an input that is not JSON', () => {
  test.each<[string, unknown, string]>([
    ['a Date', { at: new Date(0) }, 'input.at is a Date, which is not JSON'],
    ['undefined', undefined, 'input is undefined'],
    ['undefined in an array', [undefined], 'input[0] is undefined'],
    ['a bigint', { id: 5n }, 'input.id is a bigint, which JSON cannot express'],
    ['NaN', { id: NaN }, 'input.id is NaN, which JSON cannot express'],
    ['the character zero', { id: 'a\u0000' }, 'input.id contains the character \\u0000, which PostgreSQL cannot store'],
    ['a Map', new Map(), 'input is a Map: use Object.fromEntries(map)'],
  ])('%s', async (_, value, reason) => {
    expect((await refusal(workflow(z.unknown()), value)).message).toBe(
      `workflow shop/orders 1.2.3 does not accept this input: ${reason}`,
    );
  });

  test('what a schema makes is checked, not what it was given', async () =>
    expect((await refusal(workflow(z.coerce.date()), '2026-01-01')).message).toContain('input is a Date'));

  test('the limit is 1 MiB unless the caller sets another', async () => {
    const text = 'x'.repeat(1_048_574);
    expect(await validateInput(workflow(z.string()), text)).toBe(text);
    expect((await refusal(workflow(z.string()), `${text}x`)).message).toContain(
      'input is larger than 1048576 bytes of JSON',
    );
    await expect(validateInput(workflow(z.string()), 'abcdef', { maxBytes: 7 })).rejects.toThrow('larger than 7 bytes');
  });
});

describe('a schema that misbehaves', () => {
  const standard = (validate: StandardSchema['~standard']['validate']): StandardSchema => ({
    '~standard': { version: 1, vendor: 'test', validate },
  });

  test.each<[string, StandardSchema['~standard']['validate'], string]>([
    ['throws', () => { throw new RangeError('bad'); }, 'the schema itself failed with RangeError: bad'], // prettier-ignore
    ['rejects', () => Promise.reject(new TypeError('worse')), 'the schema itself failed with TypeError: worse'],
    ['refuses without a reason', () => ({ issues: [] }), 'the schema refuses it without saying why'],
  ])('%s', async (_, validate, message) => {
    expect((await refusal(workflow(standard(validate)), {})).message).toContain(message);
  });

  test('an input that cannot be read', async () => {
    const hostile = { get id() { throw new Error('no'); } }; // prettier-ignore
    expect((await refusal(workflow(issueAt(['id'])), hostile)).message).toContain('(the value is unreadable)');
  });
});

function issueAt(path: (PropertyKey | { key: PropertyKey })[]): StandardSchema {
  return { '~standard': { version: 1, vendor: 'test', validate: () => ({ issues: [{ message: 'no', path }] }) } };
}
