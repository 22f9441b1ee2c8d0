import { exactTime } from '../exact-time.ts';
import type { ScheduleRow } from '../db/statements/schedules/schedules.ts';
import type { MakeUp } from '../workflow/schedule-options.ts';
import { CronSchedule, type Occurrence } from './occurrence.ts';
import type { ScheduledSubmit } from './scheduled-submit.ts';

export interface DueOccurrence extends Occurrence {
  /** It was missed at its time. */
  madeUp: boolean;
}

/**
 * An occurrence that is decided within this time is on time: a tick comes within a minute, and what no tick came for is found at the
 * beginning of the next one. Later it was missed, and the schedule's make-up policy decides.
 */
export const ON_TIME_SECONDS = 90;
/** How far back missed occurrences are made up for, if the schedule does not say. */
export const DEFAULT_MAKE_UP_WINDOW_SECONDS = 600;
/** A schedule whose creation is later than now (the clock was set back since) counts as created this long ago. */
const UNKNOWN_SINCE_MS = 2 * 60_000;
/** A decision this far ahead was made before the clock was set back. */
const FAR_AHEAD_MS = 600_000;

/**
 * What is due by the policy of the schedule, the oldest first; computed as far as it is read. Throws InvalidInputError for an expression
 * or a time zone that this version does not accept.
 *
 * `until`: no later ones. `onTimeSeconds`: see ON_TIME_SECONDS.
 */
export function* dueOccurrences(
  schedule: ScheduleRow,
  { now, until, onTimeSeconds = ON_TIME_SECONDS }: { now: Date; until: Date; onTimeSeconds?: number | undefined },
): Generator<DueOccurrence> {
  const cron = new CronSchedule(schedule.cron, schedule.timezone);
  if (schedule.paused_at !== null) return;
  const { makeUp = 'all', makeUpWindowSeconds = DEFAULT_MAKE_UP_WINDOW_SECONDS } = schedule.data as ScheduledSubmit;
  const onTimeFrom = new Date(Math.max(firstOf(schedule, now), now.getTime() - onTimeSeconds * 1000));
  if (makeUp !== 'skip') {
    const from = new Date(Math.max(firstOf(schedule, now), now.getTime() - makeUpWindowSeconds * 1000));
    for (const occurrence of missed(cron, makeUp, from, new Date(Math.min(onTimeFrom.getTime(), until.getTime()))))
      yield { ...occurrence, madeUp: true };
  }
  for (const occurrence of cron.after(onTimeFrom, until)) yield { ...occurrence, madeUp: false };
}

function missed(cron: CronSchedule, makeUp: Exclude<MakeUp, 'skip'>, from: Date, to: Date): Iterable<Occurrence> {
  if (makeUp === 'all') return cron.after(from, to);
  const last = cron.last(from, to);
  return last === undefined ? [] : [last];
}

/** Occurrences up to this time were decided, or are from before the schedule. */
function firstOf(schedule: ScheduleRow, now: Date): number {
  const made = sinceOf(schedule).getTime();
  return Math.max(
    made > now.getTime() ? now.getTime() - UNKNOWN_SINCE_MS : made,
    decidedUntil(schedule.occurrence_at, now),
    decidedUntil(schedule.resumed_at, now),
  );
}

/** When a schedule was made, or last got another cron expression or time zone. */
export function sinceOf({ data, updated_at: updatedAt }: Pick<ScheduleRow, 'data' | 'updated_at'>): Date {
  const { since } = data as Partial<ScheduledSubmit>;
  return since === undefined ? updatedAt : exactTime(since);
}

/**
 * A decision far in the future was made before the clock was set back. It does not count, but the identities of its tasks still
 * prevent a second submit. A decision that is a little ahead was made by a scheduler that read the time a moment later.
 */
export function decidedUntil(decidedAt: Date | null, now: Date): number {
  if (decidedAt === null || decidedAt.getTime() > now.getTime() + FAR_AHEAD_MS) return 0;
  return decidedAt.getTime();
}
