import { expect, it } from 'vitest';
import { compareTimes, copyOf, ExactTime, exactTime } from '../src/exact-time.ts';
import { readTime } from '../src/db/connections/type-parsers.ts';

it.each([
  ['2026-03-01T09:30:00.123456Z', '2026-03-01T09:30:00.123456Z'],
  ['2026-03-01T10:30:00.000001+01:00', '2026-03-01T09:30:00.000001Z'],
  ['2026-03-01T09:30:00Z', '2026-03-01T09:30:00.000000Z'],
  ['2026-03-01T09:30:00.1Z', '2026-03-01T09:30:00.100000Z'],
  ['2026-03-01T09:30:00.1234Z', '2026-03-01T09:30:00.123400Z'],
  ['2026-03-01T09:30:00.123456999Z', '2026-03-01T09:30:00.123456Z'],
  ['1969-12-31T23:59:59.999999Z', '1969-12-31T23:59:59.999999Z'],
  ['2026-03-01', '2026-03-01T00:00:00.000000Z'],
])('%s is read exactly', (text, exact) => {
  expect(exactTime(text).toISOString()).toBe(exact);
  expect(JSON.stringify({ at: exactTime(text) })).toBe(`{"at":"${exact}"}`);
});

it('what is no time is an invalid Date, as ever', () => {
  expect(exactTime('soon').getTime()).toBeNaN();
  expect(JSON.stringify(exactTime('soon'))).toBe('null');
});

it.each([
  ['2026-03-01 09:30:00.123456+00', '2026-03-01T09:30:00.123456Z'],
  ['2026-03-01 15:00:00.5+05:30', '2026-03-01T09:30:00.500000Z'],
  ['2026-03-01 06:00:00-03:30', '2026-03-01T09:30:00.000000Z'],
  ['1969-12-31 23:59:59.999999+00', '1969-12-31T23:59:59.999999Z'],
])('%s of PostgreSQL is read exactly', (text, exact) => {
  expect((readTime(text) as Date).toISOString()).toBe(exact);
});

it('years that nobody is in, and infinity, are read as the driver does', () => {
  expect((readTime('0001-01-01 00:00:00+00') as Date).getUTCFullYear()).toBe(1);
  expect((readTime('0044-03-15 00:00:00+00 BC') as Date).getUTCFullYear()).toBe(-43);
  expect(readTime('infinity')).toBe(Infinity);
});

it('times are compared to the microsecond, and copied with it', () => {
  const [early, late] = [new ExactTime(1000, 1), new ExactTime(1000, 2)];
  expect(Math.sign(compareTimes(early, late))).toBe(-1);
  expect(compareTimes(early, new ExactTime(1000, 1))).toBe(0);
  expect(compareTimes(new Date(1001), late)).toBe(1);
  const copy = copyOf({ list: [{ at: late }], plain: new Date(5), none: null, text: 'a' });
  expect(JSON.stringify(copy)).toBe(
    '{"list":[{"at":"1970-01-01T00:00:01.000002Z"}],"plain":"1970-01-01T00:00:00.005Z","none":null,"text":"a"}',
  );
  expect(copy.list[0]?.at).not.toBe(late);
});
