import { InvalidInputError } from '../errors.ts';
import type { NewSchedule } from '../schedules/put-schedule.ts';
import type { ScheduleList } from '../schedules/schedule-list.ts';
import type { ScheduledSubmit } from '../schedules/scheduled-submit.ts';
import { compareVersions } from '../workflow/compare-versions.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';
import type { ValidationOptions } from '../workflow/validate-input.ts';
import { newSchedule } from './new-schedule.ts';

/** How schedules of code are applied. */
export interface ApplySchedulesOptions {
  /** Who, for the audit. */
  by?: string | undefined;
  /** Why, for the audit. */
  reason?: string | undefined;
  /** Also replace schedules that were made or changed by hand, or that another workflow has in its code. Default false. */
  force?: boolean;
  /** Check everything and return what would be done, and write nothing. Default false. */
  dryRun?: boolean;
}

/** What became of one schedule of code. */
export interface AppliedSchedule {
  key: string;
  /** `namespace/name`. */
  workflow: string;
  /** `kept`: the schedule of this key was made or changed by hand, or is in the code of another workflow, and stays as it is. */
  outcome: 'created' | 'changed' | 'unchanged' | 'removed' | 'kept';
  /** By the database clock; null: never. */
  next: Date | null;
}

interface Parts {
  readonly list: ScheduleList;
  readonly register: (definition: WorkflowDefinition) => Promise<unknown>;
  readonly validation: ValidationOptions;
}

/**
 * Makes the stored schedules of these workflows those that they have in code; of each workflow the newest of the given versions counts.
 * Everything is checked before anything is written. Only schedules that an earlier call made are changed or removed, and none of
 * a workflow that is not among the given ones.
 */
export async function applySchedules(
  { list, register, validation }: Parts,
  definitions: readonly WorkflowDefinition[],
  { force = false, dryRun = false, by, reason }: ApplySchedulesOptions,
): Promise<AppliedSchedule[]> {
  const newest = newestOf(definitions);
  const wanted = await wantedSchedules(newest, validation);
  const stored = new Map((await list.rows()).map((row) => [row.key, row.data as ScheduledSubmit]));
  const applied: AppliedSchedule[] = [];
  for (const [key, { definition, schedule }] of wanted) {
    const workflow = workflowOf(schedule.data);
    // A schedule that stays needs no registered workflow.
    const before = stored.get(key);
    const isKept = before !== undefined && !force && !mayReplace(before, schedule);
    if (!dryRun && !isKept) await register(definition);
    const put = { dryRun, by, reason, ...(force ? {} : { mayReplace }) };
    const { outcome, next } = isKept
      ? ({ outcome: 'kept', next: null } as const)
      : await list.put(key, () => schedule, put);
    applied.push({ key, workflow, outcome, next: outcome === 'kept' ? null : next });
  }
  const given = new Set(newest.map(({ namespace, name }) => `${namespace}/${name}`));
  for (const [key, data] of stored) {
    if (wanted.has(key) || data.source !== 'code' || !given.has(workflowOf(data))) continue;
    if (!dryRun) await list.remove(key, { by, reason });
    applied.push({ key, workflow: workflowOf(data), outcome: 'removed', next: null });
  }
  return applied;
}

function newestOf(definitions: readonly WorkflowDefinition[]): WorkflowDefinition[] {
  const byName = new Map<string, WorkflowDefinition>();
  for (const definition of definitions) {
    const name = `${definition.namespace}/${definition.name}`;
    const other = byName.get(name);
    if (other === undefined || compareVersions(definition.version, other.version) > 0) byName.set(name, definition);
  }
  return [...byName.values()];
}

async function wantedSchedules(
  definitions: readonly WorkflowDefinition[],
  validation: ValidationOptions,
): Promise<Map<string, { definition: WorkflowDefinition; schedule: NewSchedule }>> {
  const wanted = new Map<string, { definition: WorkflowDefinition; schedule: NewSchedule }>();
  for (const definition of definitions) {
    for (const options of definition.schedules) {
      const schedule = await newSchedule(definition, options, validation);
      const { key } = schedule.data;
      const other = wanted.get(key)?.definition;
      if (other !== undefined) {
        throw new InvalidInputError(
          `schedule "${key}" is in the code of workflow ${other.namespace}/${other.name} and of ${definition.namespace}/${definition.name}: a key names one schedule of a fleet, so give one of them another`,
          { field: 'key' },
        );
      }
      wanted.set(key, { definition, schedule: { ...schedule, data: { ...schedule.data, source: 'code' } } });
    }
  }
  return wanted;
}

/** An earlier apply wrote it for this workflow, and nobody replaced it since. */
function mayReplace(before: ScheduledSubmit, { data }: NewSchedule): boolean {
  if (workflowOf(before) !== workflowOf(data)) return false;
  return before.source === 'code';
}

function workflowOf({ namespace, workflow }: ScheduledSubmit): string {
  return `${namespace}/${workflow}`;
}
