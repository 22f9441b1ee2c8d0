import type { WorkflowVersionRow } from '../db/statements/schedules/schedules.ts';
import { InvalidInputError } from '../errors.ts';
import { compareVersions } from '../workflow/compare-versions.ts';
import type { MakeUp, Overlap, VersionPolicy } from '../workflow/schedule-options.ts';
import { scheduleKeyProblem } from '../workflow/schedule-problems.ts';

/** The pg-boss queue whose schedules submit workflows. */
export const WORKFLOW_SCHEDULES = 'tasker-workflow-schedules';

/** The stored data of a workflow schedule, validated when the schedule was made. */
export interface ScheduledSubmit {
  key: string;
  namespace: string;
  workflow: string;
  version: string;
  input: unknown;
  priority?: number;
  tags?: readonly string[];
  reason?: string;
  /** Absent: pinned, as schedules of earlier versions are. */
  versionPolicy?: VersionPolicy;
  /** Absent: allow. */
  overlap?: Overlap;
  /** Absent: all. */
  makeUp?: MakeUp;
  /** Absent: DEFAULT_MAKE_UP_WINDOW_SECONDS. */
  makeUpWindowSeconds?: number;
  /** `code`: an apply of the schedules in code wrote it, and may replace and remove it. Absent: it was made or changed by hand. */
  source?: 'code';
  /** ISO 8601, by the database clock: occurrences before this time are not due. Absent: the time at which the row was written. */
  since?: string;
}

/** The version that the schedule would run now; undefined: none that it may run is registered. */
export function chooseVersion(
  { version, versionPolicy }: Pick<ScheduledSubmit, 'version' | 'versionPolicy'>,
  registered: readonly WorkflowVersionRow[],
): WorkflowVersionRow | undefined {
  if (versionPolicy !== 'latest') return registered.find((candidate) => candidate.version === version);
  const newestFirst = registered
    .filter((candidate) => compareVersions(candidate.version, version) >= 0)
    .toSorted((a, b) => compareVersions(b.version, a.version));
  return newestFirst.find(({ served }) => served) ?? newestFirst[0];
}

/** Throws InvalidInputError. */
export function checkScheduleKey(key: string): void {
  const problem = scheduleKeyProblem(key);
  if (problem !== undefined) throw new InvalidInputError(problem, { field: 'key' });
}
