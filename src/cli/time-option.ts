import { InvalidInputError } from '../errors.ts';
import { exactTime } from '../exact-time.ts';
import { secondsOf } from './seconds-option.ts';

/** How a command names a time. */
export const TIME_ARGUMENT = '2026-01-31, 2026-01-31T08:30Z, or how long ago: 90s, 15m, 1h, 2d';

/** The value of an option that is a point in time; without a zone it is in UTC. Throws InvalidInputError (status 2). */
export function timeOf(option: string, text: string, now = Date.now()): Date {
  if (/^\d{1,9}[smhd]$/.test(text)) return new Date(now - secondsOf(option, text) * 1000);
  const [whole, time, zone] =
    /^\d{4}-\d\d-\d\d(T\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)?(Z|[+-]\d\d:\d\d)?$/.exec(text) ?? [];
  const date = exactTime(time === undefined || zone !== undefined ? text : `${text}Z`);
  if (whole !== undefined && !Number.isNaN(date.getTime())) return date;
  throw new InvalidInputError(`${option} is ${JSON.stringify(text)}: give a time such as ${TIME_ARGUMENT}`, {
    field: option,
  });
}
