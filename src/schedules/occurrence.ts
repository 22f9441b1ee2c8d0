import type { CronExpression } from 'cron-parser';
import { parseCron } from './cron-expression.ts';
import { type WallClock, wallClock } from './wall-clock.ts';

/** One moment at which a schedule is due. */
export interface Occurrence {
  at: Date;
  /** The same for every way in which this occurrence can be found, so that it happens once. */
  identity: string;
}

const MINUTE_MS = 60_000;
/** Longer than any change of clocks there has been since 1970. */
const FAR_MS = 180 * MINUTE_MS;
/** Of times of day that come to nothing: those of a day on which clocks change, which are tried minute by minute. */
const MOST_TRIES = 50;

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
  private readonly minutes: ReadonlySet<number>;
  private readonly wall: WallClock;

  /** Throws InvalidInputError for an expression or a time zone that means nothing. */
  constructor(cron: string, timezone: string) {
    this.expression = parseCron(cron);
    this.everyHour = this.expression.fields.hour.values.length === 24;
    this.minutes = new Set(this.expression.fields.minute.values);
    this.wall = wallClock(timezone);
  }

  /** The first occurrence after `from`; undefined if there is none within some years. */
  next(from: Date): Occurrence | undefined {
    let start = from.getTime();
    if (!this.steady(start)) {
      const [soon] = this.between(from, new Date(start + FAR_MS));
      if (soon !== undefined) return soon;
      start += FAR_MS;
    }
    const offset = this.wall(start) - floor(start);
    this.expression.reset(new Date(this.wall(start)));
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      let wall: number;
      try {
        wall = this.expression.next().getTime();
      } catch {
        return undefined;
      }
      const about = wall - offset;
      const found = this.steady(about)
        ? this.inMinute(wall - (this.wall(about) - about))
        : this.between(new Date(Math.max(from.getTime(), about - FAR_MS)), new Date(about + FAR_MS))[0];
      if (found !== undefined && found.at > from) return found;
    }
    return undefined;
  }

  /** Whether no clock changes in some hours around. */
  private steady(at: number): boolean {
    return this.wall(at + 2 * FAR_MS) - this.wall(at - 2 * FAR_MS) === 4 * FAR_MS;
  }

  /** Every occurrence after `from`, up to and including `to`. */
  between(from: Date, to: Date): Occurrence[] {
    const found: Occurrence[] = [];
    const first = floor(from.getTime()) + MINUTE_MS;
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
    // The library's check of a whole date is dear, and most minutes are none of the expression's.
    const date = new Date(wall);
    return this.minutes.has(date.getUTCMinutes()) && this.expression.includesDate(date);
  }
}

function floor(at: number): number {
  return Math.floor(at / MINUTE_MS) * MINUTE_MS;
}

function iso(at: number): string {
  return new Date(at).toISOString().slice(0, 16);
}
