import fc from '../support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { FINGERPRINT, fingerprintOf, fingerprintOfName, patternOf } from '../../src/workflow/fingerprint.ts';

const of = (message: string, more: object = {}) => fingerprintOf({ name: 'Error', message, ...more });

const word = fc.stringMatching(/^[a-z]{2,9}$/);
const hex = fc.stringMatching(/^[0-9a-f]{3}[0-9][0-9a-f]{4,28}$/);
/** What differs from one failure to the next of the same cause, as it stands in messages. */
const variable = fc.oneof(
  fc.uuid(),
  hex,
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true, min: 0, max: 1e6 }).map((n) => n.toFixed(3)),
  fc.ipV4(),
  fc.tuple(fc.ipV4(), fc.integer({ min: 1, max: 65_535 })).map(([host, port]) => `${host}:${port}`),
  fc.webUrl({ withQueryParameters: true }).filter((url) => !/['()]/.test(url)),
  fc.emailAddress().filter((address) => !/['`=|{}]/.test(address)),
  fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('2100-01-01') }).map((date) => date.toISOString()),
  fc.array(word, { minLength: 2, maxLength: 5 }).map((parts) => `/${parts.join('/')}.ts`),
  fc.array(word, { minLength: 2, maxLength: 4 }).map((parts) => `C:\\${parts.join('\\')}`),
  fc.tuple(word, fc.nat()).map(([kind, n]) => `${kind}_${n}`),
);
const quote = fc.constantFrom(['', ''], ['"', '"'], ["'", "'"], ['(', ')'], ['<', '>'], ['`', '`']);

/** A text with holes, and the way in which each is filled. */
const template = fc
  .array(fc.tuple(word, quote), { minLength: 1, maxLength: 6 })
  .map(
    (parts) => (fill: (place: number) => string) =>
      parts.map(([text, [open, close]], place) => `${text} ${open}${fill(place)}${close}`).join(' '),
  );

describe('the fingerprint of a failure', () => {
  it('is the same whatever ids, numbers, times, paths and addresses the message has', () => {
    fc.assert(
      fc.property(
        template,
        fc.array(variable, { minLength: 6, maxLength: 6 }),
        fc.array(variable, { minLength: 6, maxLength: 6 }),
        (text, one, other) => {
          expect(of(text((place) => one[place] as string))).toBe(of(text((place) => other[place] as string)));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('is another one for other words, another name or another code', () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 8 }), word, fc.nat(7), (words, changed, place) => {
        const at = place % words.length;
        fc.pre(words[at] !== changed);
        expect(of(words.join(' '))).not.toBe(of(words.with(at, changed).join(' ')));
      }),
      { numRuns: 500 },
    );
    expect(of('x', { name: 'TypeError' })).not.toBe(of('x'));
    expect(of('x', { code: 'ECONNRESET' })).not.toBe(of('x', { code: 'ECONNREFUSED' }));
    expect(of('x', { code: '23505' })).toBe(of('x', { code: '23514' }));
  });

  it.each([
    ['fetch failed', 'fetch failed'],
    ['connect ECONNREFUSED 10.1.2.3:5432', 'connect ECONNREFUSED #'],
    ['connect ECONNREFUSED ::1:5432', 'connect ECONNREFUSED #'],
    ['order 10248 (customer "c-77"): out of stock', 'order # (customer "#"): out of stock'],
    ["ENOENT: no such file or directory, open '/tmp/a/x.json'", "ENOENT: no such file or directory, open '#'"],
    ['items 1, 2 and 3 are missing', 'items # are missing'],
    ['Request failed with status code 404', 'Request failed with status code eae'],
    ['HTTP 503 from https://api.example.com/v1/pay?id=3', 'HTTP fad from #'],
    ['due Fri Nov 27 2026 10:00:00 GMT+0100', 'due #'],
    ['read/write and n/a stay', 'read/write and n/a stay'],
  ])('is made of a pattern: %s', (message, pattern) => {
    expect(patternOf(message)).toBe(pattern);
  });

  it('tells responses of other statuses apart', () => {
    expect(of('Request failed with status code 404')).not.toBe(of('Request failed with status code 500'));
  });

  it('takes the causes of an error into account, since "fetch failed" says nothing', () => {
    const failed = (code: string, message: string) => of('fetch failed', { cause: { name: 'Error', message, code } });
    expect(failed('ENOTFOUND', 'getaddrinfo ENOTFOUND a')).not.toBe(failed('ECONNREFUSED', 'connect ECONNREFUSED'));
    expect(failed('ECONNREFUSED', 'connect ECONNREFUSED 1.2.3.4:80')).toBe(
      failed('ECONNREFUSED', 'connect ECONNREFUSED 9.9.9.9:81'),
    );
  });

  it('has one form, for anything that an error may be', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), (name, message) => {
        expect(fingerprintOf({ name, message })).toMatch(FINGERPRINT);
      }),
    );
    expect(fingerprintOfName('WorkerDied')).toMatch(FINGERPRINT);
  });

  it('takes no longer than a moment for a message that is made to be slow', () => {
    const hostile = [
      '.'.repeat(4000) + 'x',
      '# '.repeat(2000),
      '/'.repeat(4000),
      `#${' '.repeat(4000)}x`,
      'status code '.repeat(340),
    ];
    const started = performance.now();
    for (const message of hostile) of(message);
    expect(performance.now() - started).toBeLessThan(500);
  });
});
