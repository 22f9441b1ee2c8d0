import { InvalidInputError } from '../errors.ts';
import { preview } from '../workflow/preview.ts';

/** `1h`, `90s`, `1.5 days`, or milliseconds as a number. */
export type Duration = number | string;

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** A year: more would be a mistake, such as a point in time. */
const MAX_MS = 366 * UNIT_MS.d;

/** Milliseconds. Throws InvalidInputError for what is no duration of up to a year. */
export function durationMs(field: string, duration: Duration): number {
  const [, number = '', unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*(ms|[smhd])\s*$/.exec(String(duration)) ?? [];
  const ms = typeof duration === 'number' ? duration : Number(number) * UNIT_MS[unit as keyof typeof UNIT_MS];
  if (Number.isFinite(ms) && ms >= 0 && ms <= MAX_MS) return ms;
  throw new InvalidInputError(
    `${field} is ${preview(duration)}: use a text such as '500ms', '30s', '15m', '1h' or '2d', or milliseconds, up to 366 days`,
    { field },
  );
}
