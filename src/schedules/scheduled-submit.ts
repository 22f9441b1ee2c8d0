import type { WorkflowVersionRow } from '../db/statements/schedules/schedules.ts';
import { InvalidInputError } from '../errors.ts';
import { compareVersions } from '../workflow/compare-versions.ts';

/** The pg-boss queue whose schedules submit workflows. */
export const WORKFLOW_SCHEDULES = 'tasker-workflow-schedules';

/**
 * Which version of its workflow a schedule runs. `latest`: the newest version that a live worker serves, but none before the one with
 * which the schedule was made, whose schema accepted the input; if no worker serves any of these, the newest. `pinned`: the one
 * with which it was made.
 */
export type VersionPolicy = 'latest' | 'pinned';
/** What happens to an occurrence while the task of the schedule's last submit is pending or in progress. */
export type Overlap = 'allow' | 'skip';

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
  if (typeof key !== 'string' || !/^[\w./-]{1,128}$/.test(key)) {
    throw new InvalidInputError(
      `schedule key ${JSON.stringify(key) ?? String(key)}: use 1 to 128 letters, digits, ".", "/", "_" or "-"`,
      { field: 'key' },
    );
  }
}
