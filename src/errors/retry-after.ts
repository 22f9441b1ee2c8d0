/**
 * A delay that another service requests, in the form of HTTP (RFC 9110, 10.2.3): seconds, or a date in one of the three forms
 * of 5.6.7. Never throws.
 */

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAY = '(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?';
const TIME = String.raw`(\d{2}):(\d{2}):(\d{2})`;
/** Sun, 06 Nov 1994 08:49:37 GMT */
const IMF_FIXDATE = new RegExp(String.raw`^${DAY}, (\d{2}) ([a-z]{3}) (\d{4}) ${TIME} gmt$`, 'i');
/** Sunday, 06-Nov-94 08:49:37 GMT */
const RFC850_DATE = new RegExp(String.raw`^${DAY}, (\d{2})-([a-z]{3})-(\d{2}) ${TIME} gmt$`, 'i');
/** Sun Nov  6 08:49:37 1994 */
const ASCTIME_DATE = new RegExp(String.raw`^${DAY} ([a-z]{3}) ([ \d]\d) ${TIME} (\d{4})$`, 'i');

export interface RetryAfter {
  /** From now; at least 0. Undefined: none was given, or it could not be read. */
  seconds: number | undefined;
  problem: string | undefined;
}

/** A date is compared with the clock of this process, the only one that a program has. */
export function readRetryAfter(value: unknown, nowMs = Date.now()): RetryAfter {
  if (value === undefined || value === null) return { seconds: undefined, problem: undefined };
  try {
    const seconds = secondsOf(value, nowMs);
    if (seconds !== undefined) return { seconds, problem: undefined };
  } catch {
    // A Proxy that throws, or an unusual subclass of Date: not readable either.
  }
  return {
    seconds: undefined,
    problem: `retryAfter is ${shown(value)}, which is neither seconds >= 0 nor an HTTP date: the computed backoff is used`,
  };
}

function secondsOf(value: unknown, nowMs: number): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value : undefined;
  if (typeof value === 'string') {
    const text = value.trim();
    // Any number of digits: the cap of the fleet bounds it.
    if (/^\d+(?:\.\d+)?$/.test(text)) return Math.min(Number(text), Number.MAX_SAFE_INTEGER);
    return untilDate(httpDate(text, nowMs), nowMs);
  }
  // Not instanceof: a Date of another realm is a Date too. This throws for anything else.
  return untilDate(Date.prototype.getTime.call(value as Date), nowMs);
}

function untilDate(atMs: number | undefined, nowMs: number): number | undefined {
  return atMs === undefined || Number.isNaN(atMs) ? undefined : Math.max(0, (atMs - nowMs) / 1000);
}

function httpDate(text: string, nowMs: number): number | undefined {
  const fixed = IMF_FIXDATE.exec(text);
  if (fixed !== null) return utc(fixed[3], fixed[2], fixed[1], fixed.slice(4));
  const old = RFC850_DATE.exec(text);
  if (old !== null) return utc(fullYear(Number(old[3]), nowMs), old[2], old[1], old.slice(4));
  const asctime = ASCTIME_DATE.exec(text);
  return asctime === null ? undefined : utc(asctime[6], asctime[1], asctime[2], asctime.slice(3, 6));
}

/** Two digits that seem to be more than 50 years ahead are the last year with these digits. */
function fullYear(twoDigits: number, nowMs: number): number {
  const thisYear = new Date(nowMs).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + twoDigits;
  return year > thisYear + 50 ? year - 100 : year;
}

/** Undefined if the calendar has no such time: 31 February, 25 o'clock. Second 60 is a leap second. */
function utc(
  year: string | number | undefined,
  month: string | undefined,
  day: string | undefined,
  time: readonly string[],
): number | undefined {
  const monthIndex = MONTHS.indexOf(month?.toLowerCase() ?? '');
  const [hour = NaN, minute = NaN, second = NaN] = time.map(Number);
  const dayOfMonth = Number(day);
  if (monthIndex < 0 || hour > 23 || minute > 59 || second > 60) return undefined;
  const at = Date.UTC(Number(year), monthIndex, dayOfMonth, hour, minute, second);
  const midnight = new Date(Date.UTC(Number(year), monthIndex, dayOfMonth));
  return midnight.getUTCMonth() === monthIndex && midnight.getUTCDate() === dayOfMonth ? at : undefined;
}

/** The value in one short line, without its content. */
function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return typeof value === 'object' ? 'an object that is no valid Date' : `a ${typeof value}`;
}
