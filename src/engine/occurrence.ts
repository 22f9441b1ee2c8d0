import type { CronExpression } from 'cron-parser';
import { checkTimezone, parseCron } from './cron-expression.ts';

/** One moment at which a schedule is due. */
export interface Occurrence {
  at: Date;
  /** The same for every way in which this occurrence can be found, so that it happens once. */
  identity: string;
}

const MINUTE_MS = 60_000;
/** Longer than any change of clocks there has been since 1970. */
const FAR_MS = 180 * MINUTE_MS;
/** The expression may name a minute of the next hours that came already, every minute of them at most. */
const MOST_TRIES = 400;

/**
 * When a cron expression is due, minute by minute, with the days on which clocks change defined:
 *
 * - An expression for certain hours happens once for each time of day that it names. Where the clocks are put back and a
 *   time of day comes twice, it is the first. Where they are put forward and it does not come at all, it is the moment of
 *   the change; once, however many times of day were skipped.
 * - An expression for every hour of the day goes by elapsed time: it happens in a repeated hour again, and nothing is made up
 *   for a skipped one.
 *
 * pg-boss alone would skip the first kind where clocks go forward and do it twice where they go back.
 */
export class CronSchedule {
  private readonly expression: CronExpression;
  private readonly everyHour: boolean;
  private readonly wall: (at: number) => number;

  /** Throws InvalidInputError for an expression or a time zone that means nothing. */
  constructor(cron: string, timezone: string) {
    checkTimezone(timezone);
    this.expression = parseCron(cron);
    this.everyHour = this.expression.fields.hour.values.length === 24;
    this.wall = wallClock(timezone);
  }

  /** The first occurrence after `from`; undefined if there is none within some years. */
  next(from: Date): Occurrence | undefined {
    let after = new Date(from.getTime() + FAR_MS);
    const [soon] = this.between(from, after);
    if (soon !== undefined) return soon;
    // Later ones minute by minute only around the times of day that the expression names: a change of clocks moves an occurrence
    // by less than FAR_MS.
    const fromWall = this.wall(from.getTime());
    this.expression.reset(new Date(fromWall));
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      let about: number;
      try {
        about = this.expression.next().getTime() - fromWall + from.getTime();
      } catch {
        return undefined;
      }
      const until = new Date(about + FAR_MS);
      const [found] = this.between(new Date(Math.max(after.getTime(), about - FAR_MS)), until);
      if (found !== undefined) return found;
      if (until > after) after = until;
    }
    return undefined;
  }

  /** Every occurrence after `from`, up to and including `to`. */
  between(from: Date, to: Date): Occurrence[] {
    const found: Occurrence[] = [];
    const first = (Math.floor(from.getTime() / MINUTE_MS) + 1) * MINUTE_MS;
    for (let minute = first; minute <= to.getTime(); minute += MINUTE_MS) {
      const occurrence = this.inMinute(minute);
      // The second pass of a repeated hour finds the occurrence of the first, which is over.
      if (occurrence?.at.getTime() === minute) found.push(occurrence);
    }
    return found;
  }

  /** What happens at this minute; in a repeated hour, what happened at its first pass. */
  private inMinute(minute: number): Occurrence | undefined {
    const wall = this.wall(minute);
    if (this.everyHour) return this.matches(wall) ? { at: new Date(minute), identity: `at ${iso(minute)}` } : undefined;
    const skipped = this.skippedBefore(minute, wall);
    if (skipped !== undefined) return { at: new Date(minute), identity: `for ${iso(skipped)}` };
    if (!this.matches(wall)) return undefined;
    return { at: new Date(this.firstPass(minute, wall)), identity: `for ${iso(wall)}` };
  }

  /** The first time of day that clocks jumped over just before this minute and that the expression names. */
  private skippedBefore(minute: number, wall: number): number | undefined {
    for (let skipped = this.wall(minute - MINUTE_MS) + MINUTE_MS; skipped < wall; skipped += MINUTE_MS) {
      if (this.matches(skipped)) return skipped;
    }
    return undefined;
  }

  /** The earlier minute at which clocks showed the same, if there was one shortly before. */
  private firstPass(minute: number, wall: number): number {
    const putBack = this.wall(minute - FAR_MS) + FAR_MS - wall;
    return putBack > 0 && this.wall(minute - putBack) === wall ? minute - putBack : minute;
  }

  private matches(wall: number): boolean {
    return this.expression.includesDate(new Date(wall));
  }
}

/** What clocks of a time zone show at a moment, as if it were UTC. */
function wallClock(timezone: string): (at: number) => number {
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

function iso(at: number): string {
  return new Date(at).toISOString().slice(0, 16);
}
