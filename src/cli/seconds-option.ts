import { InvalidInputError } from '../errors.ts';

const UNIT_SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** The value of an option that is a time: `90s`, `15m`, `1h`, `2d`, or a number of seconds. Throws InvalidInputError (status 2). */
export function secondsOf(option: string, text: string): number {
  const [, number = '', unit = 's'] = /^(\d{1,9})([smhd])?$/.exec(text.trim()) ?? [];
  if (number !== '') return Number(number) * UNIT_SECONDS[unit as keyof typeof UNIT_SECONDS];
  throw new InvalidInputError(`${option} is ${JSON.stringify(text)}: give a time such as 90s, 15m, 1h or 2d`, {
    field: option,
  });
}
