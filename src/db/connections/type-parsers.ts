import pg from 'pg';
import type { CustomTypesConfig } from 'pg';
import { ExactTime } from '../../exact-time.ts';

/** `timestamptz`, and what it is in text. */
const TIMESTAMPTZ = 1184;
const TEXT = /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?([+-])(\d\d)(?::(\d\d))?$/;

let parsersOfPg: typeof pg.types | undefined;
/** pg's own. Not asked for at import, since the package loads pg by its first use, and kept: each column of each result asks for them. */
const ofPg = (): typeof pg.types => (parsersOfPg ??= pg.types);

/** A time of PostgreSQL with its microseconds. */
export function readTime(text: string): Date | number {
  const parts = TEXT.exec(text);
  if (parts === null || (parts[1] as string) < '1000') return inMilliseconds(text);
  const [, year, month, day, hour, minute, second, fraction = '', sign, hours, minutes = '0'] = parts;
  const digits = fraction.padEnd(6, '0');
  const wall = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
    Number(digits.slice(0, 3)),
  );
  const ahead = (Number(hours) * 60 + Number(minutes)) * (sign === '-' ? -60_000 : 60_000);
  return new ExactTime(wall - ahead, Number(digits.slice(3)));
}

/** For infinity, and for years that nobody is in. */
const inMilliseconds = (text: string): Date | number =>
  (ofPg().getTypeParser(TIMESTAMPTZ, 'text') as (text: string) => Date | number)(text);

/** The types of a connection's results: those of pg, but times are exact. */
export const TYPE_PARSERS = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === TIMESTAMPTZ && format !== 'binary' ? readTime : (ofPg().getTypeParser(oid, format as 'text') as unknown),
} as CustomTypesConfig;
