import { InvalidInputError } from '../errors.ts';
import { keepSeconds } from '../keep-policy.ts';

const UNIT_SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** The value of an option that is a time: `90s`, `15m`, `1h`, `2d`, or a number of seconds. Throws InvalidInputError (status 2). */
export function secondsOf(option: string, text: string): number {
  const [, number = '', unit = 's'] = /^(\d{1,9})([smhd])?$/.exec(text.trim()) ?? [];
  if (number !== '') return Number(number) * UNIT_SECONDS[unit as keyof typeof UNIT_SECONDS];
  throw new InvalidInputError(`${option} is ${JSON.stringify(text)}: give a time such as 90s, 15m, 1h or 2d`, {
    field: option,
  });
}

/** The same of an option that is for how long something is kept, as keep policies write it: `30d`, `2w`, `1y`. A number alone would be read as days. */
export function keptSecondsOf(option: string, text: string): number {
  const seconds = keepSeconds(text.trim());
  if (typeof seconds === 'number') return seconds;
  throw new InvalidInputError(
    `${option} is ${JSON.stringify(text)}: give a number with s, m, h, d, w or y behind it, such as 30d or 1y`,
    { field: option },
  );
}
