import { checkTimezone } from './cron-expression.ts';

const MINUTE_MS = 60_000;
/** Formatting a date costs as much as a hundred reads of this cache. Schedules of one time zone need the same few minutes. */
const MOST_MINUTES = 5000;

/** From a minute to the local time of a time zone at that minute, as if it were UTC; both in milliseconds of the epoch. */
export type WallClock = (minute: number) => number;

const clocks = new Map<string, WallClock>();

/** Throws InvalidInputError for an unknown time zone. */
export function wallClock(timezone: string): WallClock {
  let clock = clocks.get(timezone);
  if (clock === undefined) {
    checkTimezone(timezone);
    clocks.set(timezone, (clock = remembering(formattingClock(timezone))));
  }
  return clock;
}

function remembering(clock: WallClock): WallClock {
  const seen = new Map<number, number>();
  return (at) => {
    const minute = Math.floor(at / MINUTE_MS) * MINUTE_MS;
    let wall = seen.get(minute);
    if (wall === undefined) {
      if (seen.size >= MOST_MINUTES) seen.clear();
      seen.set(minute, (wall = clock(minute)));
    }
    return wall;
  };
}

function formattingClock(timezone: string): WallClock {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  });
  return (at) => {
    const part: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
    for (const { type, value } of format.formatToParts(at)) part[type] = Number(value);
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0 } = part;
    return Date.UTC(year, month - 1, day, hour, minute);
  };
}
