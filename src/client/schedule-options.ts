import type { Overlap, VersionPolicy } from '../schedules/scheduled-submit.ts';
import { InvalidInputError } from '../errors.ts';
import type { InputOf, WorkflowDefinition } from '../workflow/definition.ts';

export interface ScheduleOptions<Definition extends WorkflowDefinition = WorkflowDefinition> {
  /** Its name: 1 to 128 letters, digits, ".", "/", "_" or "-". */
  key: string;
  /** Five fields, or @hourly, @daily, @weekly, @monthly, @yearly. */
  cron: string;
  /** A name of the IANA database. Default UTC. */
  timezone?: string;
  /** Of each task. */
  input: InputOf<Definition>;
  priority?: number;
  tags?: readonly string[];
  reason?: string;
  /**
   * `latest` (the default): each occurrence runs the newest version that a live worker serves, this definition's or a later one.
   * `pinned`: always this definition's.
   */
  version?: VersionPolicy;
  /** `skip`: an occurrence does not happen while the task of the one before is pending or in progress. Default `allow`. */
  overlap?: Overlap;
}

export interface ScheduleAdded {
  outcome: 'created' | 'changed' | 'unchanged';
  /** By the database clock; null: never. */
  next: Date | null;
  /** How many schedulers live. With none, nothing fires. */
  schedulers: number;
}

export interface ScheduleInfo {
  key: string;
  cron: string;
  timezone: string;
  namespace: string;
  workflow: string;
  versionPolicy: VersionPolicy;
  /** What it would run now; null: no version that it may run is registered. */
  version: string | null;
  /** Whether a live worker has handlers for that version. */
  served: boolean;
  overlap: Overlap;
  /** Null: never, or not before `problem` is mended. */
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

/** Throws InvalidInputError. */
export function checkScheduleKey(key: string): void {
  if (typeof key !== 'string' || !/^[\w./-]{1,128}$/.test(key)) {
    throw new InvalidInputError(
      `schedule key ${JSON.stringify(key) ?? String(key)}: use 1 to 128 letters, digits, ".", "/", "_" or "-"`,
      { field: 'key' },
    );
  }
}

/** Throws InvalidInputError for what newTask and CronSchedule do not check. */
export function checkScheduleOptions({ key, version = 'latest', overlap = 'allow' }: ScheduleOptions): void {
  checkScheduleKey(key);
  for (const [field, value, allowed] of [
    ['version', version, ['latest', 'pinned']],
    ['overlap', overlap, ['allow', 'skip']],
  ] as const) {
    if (!(allowed as readonly unknown[]).includes(value)) {
      throw new InvalidInputError(
        `schedule "${key}": ${field} is ${JSON.stringify(value) ?? String(value)}: use ${allowed.map((name) => `"${name}"`).join(' or ')}`,
        { field },
      );
    }
  }
}
