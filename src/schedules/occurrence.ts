import type { CronExpression } from 'cron-parser';
import { parseCron } from './cron-expression.ts';
import { type WallClock, wallClock } from './wall-clock.ts';

/** One moment at which a schedule is due. */
export interface Occurrence {
  at: Date;
  /** The same however the occurrence was found, so that its task is submitted once. */
  identity: string;
}

const MINUTE_MS = 60_000;
/** Longer than every change of clocks since 1970. */
const FAR_MS = 180 * MINUTE_MS;
/** Limit for times of day without an occurrence: those of a day on which clocks change, which is searched minute by minute. */
const MOST_TRIES = 50;

/**
 * When a cron expression is due, to the minute, with a rule for the days on which clocks change:
 *
 * - An expression for certain hours occurs once for each time of day that it names. If the clocks are put back and a time of day
 *   comes twice, it occurs the first time. If they are put forward and the time of day is skipped, it occurs at the moment of the
 *   change; once, however many of its times of day were skipped.
 * - An expression for every hour of the day goes by elapsed time: it occurs again in a repeated hour, and nothing is made up for a
 *   skipped one.
 *
 * pg-boss alone would leave out the first kind when clocks go forward, and fire it twice when they go back.
 */
export class CronSchedule {
  private readonly expression: CronExpression;
  private readonly everyHour: boolean;
  private readonly minutes: ReadonlySet<number>;
  private readonly wall: WallClock;

  /** Throws InvalidInputError for an invalid expression or time zone. */
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

  /** Whether the clock does not change within six hours before and after. */
  private steady(at: number): boolean {
    return this.wall(at + 2 * FAR_MS) - this.wall(at - 2 * FAR_MS) === 4 * FAR_MS;
  }

  /** Every occurrence after `from`, up to and including `to`. */
  between(from: Date, to: Date): Occurrence[] {
    const found: Occurrence[] = [];
    const first = floor(from.getTime()) + MINUTE_MS;
    for (let minute = first; minute <= to.getTime(); minute += MINUTE_MS) {
      const occurrence = this.inMinute(minute);
      // In the second pass of a repeated hour this is the occurrence of the first pass, which is over.
      if (occurrence?.at.getTime() === minute) found.push(occurrence);
    }
    return found;
  }

  /**
   * As `between`, computed as it is read. If nothing is due for hours, it goes from occurrence to occurrence, so that a month of a daily
   * schedule costs no more than a day of one for each minute.
   */
  *after(from: Date, to: Date): Generator<Occurrence> {
    let cursor = from;
    while (cursor < to) {
      const soon = new Date(Math.min(cursor.getTime() + FAR_MS, to.getTime()));
      const found = this.between(cursor, soon);
      yield* found;
      cursor = soon;
      if (found.length > 0 || cursor >= to) continue;
      const next = this.next(cursor);
      if (next === undefined || next.at > to) return;
      yield next;
      cursor = next.at;
    }
  }

  /**
   * The latest occurrence after `from`, up to and including `to`. Searched by halves, about twenty calls of `next` for a month, so that
   * an expression for each minute of most hours costs no more than one for each month.
   */
  last(from: Date, to: Date): Occurrence | undefined {
    let found = this.next(from);
    if (found === undefined || found.at > to) return undefined;
    let after = floor(from.getTime());
    let none = floor(to.getTime());
    // Whole minutes, as occurrences are: there is one after `after`, the first of which is `found`, and none after `none`.
    while (none - after > MINUTE_MS) {
      const middle = floor((after + none) / 2);
      const next = this.next(new Date(middle));
      if (next !== undefined && next.at <= to) [after, found] = [middle, next];
      else none = middle;
    }
    return found;
  }

  /** The occurrence of this minute; in a repeated hour, that of its first pass. */
  private inMinute(minute: number): Occurrence | undefined {
    const wall = this.wall(minute);
    if (this.everyHour) return this.matches(wall) ? { at: new Date(minute), identity: `at ${iso(minute)}` } : undefined;
    const skipped = this.skippedBefore(minute, wall);
    if (skipped !== undefined) return { at: new Date(minute), identity: `for ${iso(skipped)}` };
    if (!this.matches(wall)) return undefined;
    return { at: new Date(this.firstPass(minute, wall)), identity: `for ${iso(wall)}` };
  }

  /** The first time of day of the expression that the clocks skipped just before this minute. */
  private skippedBefore(minute: number, wall: number): number | undefined {
    for (let skipped = this.wall(minute - MINUTE_MS) + MINUTE_MS; skipped < wall; skipped += MINUTE_MS) {
      if (this.matches(skipped)) return skipped;
    }
    return undefined;
  }

  /** The earlier minute at which clocks showed the same time of day, if there was one shortly before; else this minute. */
  private firstPass(minute: number, wall: number): number {
    const putBack = this.wall(minute - FAR_MS) + FAR_MS - wall;
    return putBack > 0 && this.wall(minute - putBack) === wall ? minute - putBack : minute;
  }

  private matches(wall: number): boolean {
    // The library's check of a whole date is expensive, and most minutes do not match the expression.
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
