import fc from '../../support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { InvalidInputError } from '../../../src/errors.ts';
import { parseSearch } from '../../../src/reads/search/parse-search.ts';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const read = (text: string) => parseSearch(text, NOW);

describe('a search', () => {
  it('is a filter: every term must hold', () => {
    expect(
      read(
        'state:error,pending workflow:shop/checkout@1.2.0 tag:vip tag:"a b" input.order:"10248" error:"ECONN RESET" age:>1h attempts:>=3',
      ),
    ).toEqual({
      states: ['error', 'pending'],
      namespace: 'shop',
      workflow: 'checkout',
      version: '1.2.0',
      tags: ['vip', 'a b'],
      inputHas: [['{"order":"10248"}']],
      error: 'ECONN RESET',
      requestedBefore: new Date('2026-03-01T11:00:00Z'),
      attemptsFrom: 3,
    });
    expect(read(' \t')).toEqual({});
  });

  it.each([
    ['input.n:10248', ['{"n":10248}', '{"n":"10248"}']],
    ['input.n:9007199254740993', ['{"n":9007199254740993}', '{"n":"9007199254740993"}']],
    ['input.n:007', ['{"n":"007"}']],
    ['input.n:true', ['{"n":true}', '{"n":"true"}']],
    ['input.a.b:x', ['{"a":{"b":"x"}}']],
    ['input."a.b":x', ['{"a.b":"x"}']],
    ['input."a:b c".d:x', ['{"a:b c":{"d":"x"}}']],
    ['input.lines[].sku:x', ['{"lines":[{"sku":"x"}]}']],
    ['input.ids[]:7', ['{"ids":[7]}', '{"ids":["7"]}']],
    [String.raw`input.n:"say \"hi\" \\ o"`, [String.raw`{"n":"say \"hi\" \\ o"}`]],
    ['input.naïve:"日本 \u{1f600}"', ['{"naïve":"日本 \u{1f600}"}']],
    ['input.n:""', ['{"n":""}']],
  ])('%s', (text, terms) => {
    expect(read(text)).toEqual({ inputHas: [terms] });
    for (const term of terms) JSON.parse(term);
  });

  it.each([
    ['age:<7d', { requestedSince: new Date(NOW - 7 * 86_400_000) }],
    [
      'requested:>=2026-02-01 requested:<2026-02-02T03:04:05Z',
      {
        requestedSince: new Date('2026-02-01'),
        requestedBefore: new Date('2026-02-02T03:04:05Z'),
      },
    ],
    ['ended:>2026-02-01', { endedSince: new Date('2026-02-01') }],
    ['attempts:2', { attemptsFrom: 2, attemptsTo: 2 }],
    ['attempts:>2 attempts:<=5', { attemptsFrom: 3, attemptsTo: 5 }],
    [
      'queue:payments source:web initiator:ada schedule:nightly',
      {
        queue: 'payments',
        sourceSystem: 'web',
        initiator: 'ada',
        schedule: 'nightly',
      },
    ],
  ])('%s', (text, filter) => {
    expect(read(text)).toEqual(filter);
  });
});

describe('a mistake is shown at its character', () => {
  it.each([
    ['state:eror', 7, 'did you mean "error"'],
    ['state:error,gone', 13, 'there is no state gone'],
    ['stat:error', 1, 'did you mean "state"'],
    ['vip state:error', 1, 'write name:value'],
    ['state:error vip', 13, 'write name:value'],
    [':x', 1, 'without a name'],
    ['error:', 7, 'has no value'],
    ['error:"abc', 7, 'not closed'],
    ['error:"a"b', 10, 'a blank belongs'],
    ['age:1h', 5, 'age:>1h'],
    ['age:>1y', 6, 'age:>1h'],
    ['attempts:>many', 11, 'attempts:>=3'],
    ['requested:>2026-13-45', 12, 'write a time'],
    ['key:a key:b', 7, 'there already'],
    ['age:>1h requested:<2026-01-01', 9, 'there already'],
    ['tag:>x', 5, 'equality only'],
    ['input.a:>1', 9, 'equality only'],
    ['input.:x', 7, 'has no path'],
    ['constructor:x', 1, 'there is no term'],
    ['__proto__:x', 1, 'there is no term'],
    ['input.a..b:x', 9, 'no path'],
    ['input.a[0]:x', 7, 'no path'],
    ['workflow:a/b/c', 10, '[namespace/]name[@version]'],
  ])('%s', (text, position, message) => {
    let error: unknown;
    try {
      read(text);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(InvalidInputError);
    const { message: given, details } = error as InvalidInputError;
    expect(given).toContain(message);
    expect(details).toMatchObject({ field: 'q', position });
    expect(given.split('\n').at(-1)).toBe(`${' '.repeat(position + 1)}^`);
  });
});

it('any text is a filter or a mistake at one of its characters', () => {
  const word = fc.constantFrom(
    'state',
    'input.a',
    'age',
    ':',
    '"',
    '\\',
    '>',
    '>=',
    ' ',
    '[]',
    '.',
    '1h',
    'x',
    '\u0000',
  );
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.array(word, { maxLength: 12 }).map((all) => all.join('')),
  );
  fc.assert(
    fc.property(text, (given) => {
      try {
        for (const terms of read(given).inputHas ?? []) for (const term of terms) JSON.parse(term);
      } catch (error) {
        if (!(error instanceof InvalidInputError)) throw error;
        const position = error.details['position'] as number;
        expect(position).toBeGreaterThanOrEqual(1);
        expect(position).toBeLessThanOrEqual(given.length + 1);
      }
    }),
    { numRuns: 2000 },
  );
});
