import { isDeepStrictEqual } from 'node:util';
import type { Executor } from '../db/connections/database.ts';
import { pauseSchedule, resumeSchedule, type ScheduleRow } from '../db/statements/schedules/schedules.ts';
import type { OperatorAction } from '../engine/operator-action.ts';
import { type JsonChange, jsonDiff } from '../workflow/json-diff.ts';
import type { ScheduledSubmit } from './scheduled-submit.ts';

/** A schedule that was checked, as it is stored. */
export interface NewSchedule {
  /** Canonical: see canonicalCron. */
  cron: string;
  timezone: string;
  data: ScheduledSubmit;
}

/** Makes the schedule that is to be stored. `before`: the one that is there. It may be called twice. */
export type MakeSchedule = (before: ScheduleRow | undefined) => NewSchedule | Promise<NewSchedule>;

/** What a write of a schedule may replace, and what else it does. */
export interface PutOptions extends OperatorAction {
  /** Whether it may replace this one. Default: any. */
  mayReplace?: ((before: ScheduledSubmit, after: NewSchedule) => boolean) | undefined;
  /** Pauses it, or ends its pause; undefined: that stays as it is. */
  paused?: boolean | undefined;
  /** Throws if the schedule that is there is not the one that the caller has seen. Under the lock of its state. */
  expect?: ((before: ScheduleRow | undefined) => void) | undefined;
}

/** What a write of a schedule would do to the one that is there. */
export interface PlannedPut {
  outcome: 'created' | 'changed' | 'unchanged' | 'kept';
  schedule: NewSchedule;
  /** The row is written, and not its pause alone. */
  writes: boolean;
  isPaused: boolean;
  changes: JsonChange[];
  more: number;
}

/** Whether a schedule stays as it is, and what differs if it does not. Decides nothing by itself that another write could change: call it under the lock. */
export function planPut(
  before: ScheduleRow | undefined,
  schedule: NewSchedule,
  { mayReplace = () => true, paused }: PutOptions,
): PlannedPut {
  const wasPaused = before !== undefined && before.paused_at !== null;
  const isPaused = paused ?? wasPaused;
  const writes = before === undefined || !isSame(before, schedule);
  const plan = { schedule, writes, isPaused, changes: [], more: 0 };
  if (!writes && isPaused === wasPaused) return { ...plan, outcome: 'unchanged' };
  if (before !== undefined && writes && !mayReplace(before.data as ScheduledSubmit, schedule))
    return { ...plan, outcome: 'kept' };
  const from = before === undefined ? '{}' : shownText({ ...before, data: before.data as ScheduledSubmit }, wasPaused);
  const to = shownText(
    writes || before === undefined ? schedule : { ...before, data: before.data as ScheduledSubmit },
    isPaused,
  );
  const { changes, more } = jsonDiff(from, to);
  return { ...plan, outcome: before === undefined ? 'created' : 'changed', changes: changes.map(withoutInput), more };
}

/** A schedule that keeps its times keeps its occurrences, whatever else about it changes: a deployment that adds it again in the minute in which it is due neither loses nor doubles one. */
export function keepsTimes(
  before: ScheduleRow | undefined,
  { cron, timezone }: Pick<NewSchedule, 'cron' | 'timezone'>,
): boolean {
  return before !== undefined && before.cron === cron && before.timezone === timezone;
}

/** Whether the row has what is to be stored. Whose it is, is a part of that. */
function isSame(before: ScheduleRow, after: NewSchedule): boolean {
  const { since: _, ...old } = before.data as ScheduledSubmit;
  return keepsTimes(before, after) && isDeepStrictEqual(old, JSON.parse(JSON.stringify(after.data)));
}

/** Pauses a schedule, or lets it go on, if that is asked for. */
export async function setPaused(tx: Executor, key: string, { paused, reason }: PutOptions): Promise<void> {
  if (paused === true) await tx.run(pauseSchedule, { key, reason });
  if (paused === false) await tx.run(resumeSchedule, { key });
}

/** As the API names its parts. */
function shownText({ cron, timezone, data }: NewSchedule, paused: boolean): string {
  const { since: _since, versionPolicy, makeUp, makeUpWindowSeconds, reason, source, key: _key, ...rest } = data;
  return JSON.stringify({
    cron,
    timezone,
    ...rest,
    task_reason: reason,
    version_policy: versionPolicy ?? 'pinned',
    overlap: rest.overlap ?? 'allow',
    make_up: makeUp ?? 'all',
    make_up_window_seconds: makeUpWindowSeconds,
    source: source ?? 'hand',
    paused,
  });
}

/** The audit keeps no inputs: of theirs, the places that differ. */
function withoutInput(change: JsonChange): JsonChange {
  return /^\/input(\/|$)/.test(change.path) ? { path: change.path } : change;
}
