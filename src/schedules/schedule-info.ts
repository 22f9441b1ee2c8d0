import type { ScheduleRow, WorkflowVersionRow } from '../db/statements/schedules/schedules.ts';
import { CronSchedule } from './occurrence.ts';
import type { MakeUp, Overlap, VersionPolicy } from '../workflow/schedule-options.ts';
import { DEFAULT_MAKE_UP_WINDOW_SECONDS } from './due-occurrences.ts';
import { chooseVersion, type ScheduledSubmit } from './scheduled-submit.ts';

/** A schedule, when it fires, and what became of its last occurrence. */
export interface ScheduleInfo {
  key: string;
  cron: string;
  timezone: string;
  namespace: string;
  workflow: string;
  versionPolicy: VersionPolicy;
  /** The version that it would run now; null: no version that it may run is registered. */
  version: string | null;
  /** Whether a live worker has handlers for that version. */
  served: boolean;
  overlap: Overlap;
  makeUp: MakeUp;
  /** Occurrences that were missed longer ago are left out; 0 with `skip`. */
  makeUpWindowSeconds: number;
  /** `code`: an apply of the schedules in code wrote it; `hand`: `schedule add` or `client.schedule`. */
  source: 'code' | 'hand';
  /** Since when an operator has paused it; null: it is not paused. */
  pausedAt: Date | null;
  pauseReason: string | null;
  /** Null: never, not before it is resumed, or not before `problem` is fixed. */
  next: Date | null;
  /** The newest occurrence that was decided. */
  lastOccurrence: Date | null;
  lastOutcome: 'submitted' | 'skipped' | null;
  lastTaskId: string | null;
  /** Why it does not fire: of the last attempt, or of its expression. */
  problem: string | null;
  /** The version that it was made with: with `latest` it runs this one or a later one. */
  madeWith: string;
  /** Of each task; null: the priorities of the definition. */
  priority: number | null;
  /** Of each task. */
  tags: readonly string[];
  /** Of each task. */
  taskReason: string | null;
  /** Another one after each change of it, and after each pause and its end. */
  edition: string;
  /** What each task is submitted with. */
  data: unknown;
}

/** `versions`: those of its workflow that are registered. */
export function scheduleInfo(row: ScheduleRow, versions: readonly WorkflowVersionRow[]): ScheduleInfo {
  const data = row.data as ScheduledSubmit;
  const chosen = chooseVersion(data, versions);
  const { makeUp = 'all' } = data;
  let next: Date | null = null;
  let problem = row.error;
  try {
    const cron = new CronSchedule(row.cron, row.timezone);
    if (row.paused_at === null) next = cron.next(row.now)?.at ?? null;
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
  return {
    key: row.key,
    cron: row.cron,
    timezone: row.timezone,
    namespace: data.namespace,
    workflow: data.workflow,
    versionPolicy: data.versionPolicy ?? 'pinned',
    version: chosen?.version ?? null,
    served: chosen?.served ?? false,
    overlap: data.overlap ?? 'allow',
    makeUp,
    makeUpWindowSeconds: makeUp === 'skip' ? 0 : (data.makeUpWindowSeconds ?? DEFAULT_MAKE_UP_WINDOW_SECONDS),
    source: data.source ?? 'hand',
    pausedAt: row.paused_at,
    pauseReason: row.pause_reason,
    next,
    lastOccurrence: row.occurrence_at,
    lastOutcome: row.outcome,
    lastTaskId: row.task_id,
    problem,
    madeWith: data.version,
    priority: data.priority ?? null,
    tags: data.tags ?? [],
    taskReason: data.reason ?? null,
    edition: row.edition,
    data: row.data,
  };
}

/** The first occurrences to come, from `next` on; none of one that does not fire. */
export function nextRuns(
  { cron, timezone, next }: Pick<ScheduleInfo, 'cron' | 'timezone' | 'next'>,
  most: number,
): Date[] {
  const runs: Date[] = [];
  if (next === null || most === 0) return runs;
  const dates = new CronSchedule(cron, timezone);
  for (let at: Date | undefined = next; at !== undefined && runs.length < most;) {
    runs.push(at);
    at = dates.next(at)?.at;
  }
  return runs;
}
