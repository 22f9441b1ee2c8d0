import type { ScheduleRow, WorkflowVersionRow } from '../db/statements/schedules/schedules.ts';
import { CronSchedule } from './occurrence.ts';
import { chooseVersion, type Overlap, type ScheduledSubmit, type VersionPolicy } from './scheduled-submit.ts';

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
  /** Null: never, or not before `problem` is fixed. */
  next: Date | null;
  /** The newest occurrence that was decided. */
  lastOccurrence: Date | null;
  lastOutcome: 'submitted' | 'skipped' | null;
  lastTaskId: string | null;
  /** Why it does not fire: of the last attempt, or of its expression. */
  problem: string | null;
  /** What each task is submitted with. */
  data: unknown;
}

/** `versions`: those of its workflow that are registered. */
export function scheduleInfo(row: ScheduleRow, versions: readonly WorkflowVersionRow[]): ScheduleInfo {
  const data = row.data as ScheduledSubmit;
  const chosen = chooseVersion(data, versions);
  let next: Date | null = null;
  let problem = row.error;
  try {
    next = new CronSchedule(row.cron, row.timezone).next(row.now)?.at ?? null;
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
    next,
    lastOccurrence: row.occurrence_at,
    lastOutcome: row.outcome,
    lastTaskId: row.task_id,
    problem,
    data: row.data,
  };
}
