import { describe, expect, it } from 'vitest';
import { fieldsOf, inputText } from '../../dashboard/pages/workflows/form-schema.ts';
import { cronWords } from '../../dashboard/pages/schedules/cron-words.ts';

const SCHEMA = {
  type: 'object',
  required: ['order', 'amount'],
  properties: {
    order: { type: 'string', description: 'As on the invoice.' },
    amount: { type: 'number' },
    express: { type: 'boolean', default: false },
    size: { enum: ['s', 'm'] },
    lines: { type: 'array', items: { type: 'object' } },
  },
};

describe('a form made of a schema', () => {
  it('has a field for each member', () => {
    expect(fieldsOf(SCHEMA)?.map(({ name, kind, required, initial }) => [name, kind, required, initial])).toEqual([
      ['order', 'text', true, ''],
      ['amount', 'number', true, ''],
      ['express', 'boolean', false, 'false'],
      ['size', 'choice', false, ''],
      ['lines', 'json', false, ''],
    ]);
  });

  it('is none if the input is no object', () => {
    for (const schema of [null, undefined, 1, [], {}, { type: 'string' }, { anyOf: [] }, { type: 'object' }])
      expect(fieldsOf(schema)).toBeUndefined();
  });

  it('keeps numbers as they are typed, and leaves out what is empty', () => {
    const fields = fieldsOf(SCHEMA) ?? [];
    expect(inputText(fields, { order: 'A "1"', amount: '9007199254740993', size: '', lines: '[{"sku":1.50}]' })).toBe(
      '{"order":"A \\"1\\"","amount":9007199254740993,"lines":[{"sku":1.50}]}',
    );
    expect(() => inputText(fields, { order: '', amount: '1,5' })).toThrow(SyntaxError);
    expect(() => inputText(fields, { order: '', amount: '1,"x":2' })).toThrow(SyntaxError);
  });
});

describe('a cron expression in words', () => {
  it.each([
    ['* * * * *', 'every minute'],
    ['*/5 * * * *', 'every 5 minutes'],
    ['0 3 * * *', 'every day at 03:00'],
    ['30 8 * * 1-5', 'on working days at 08:30'],
    ['0 9 * * 1,4', 'on Monday and Thursday at 09:00'],
    ['0 0 1 * *', 'on day 1 of every month at 00:00'],
    ['@hourly', 'every hour'],
    ['0 3 1 1 *', undefined],
    ['0 3-5 * * *', undefined],
    ['0 3 1 * 1', undefined],
  ])('%s', (cron, words) => {
    expect(cronWords(cron)).toBe(words);
  });
});
