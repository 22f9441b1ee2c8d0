import { InvalidInputError } from '../errors.ts';
import { canonicalCron, checkTimezone, parseCron } from '../schedules/cron-expression.ts';
import type { NewSchedule } from '../schedules/schedule-list.ts';
import { checkScheduleKey, type Overlap, type VersionPolicy } from '../schedules/scheduled-submit.ts';
import type { InputOf, WorkflowDefinition } from '../workflow/definition.ts';
import type { ValidationOptions } from '../workflow/validate-input.ts';
import { newTask } from './new-task.ts';

/** A schedule: what is submitted, and when. */
export interface ScheduleOptions<Definition extends WorkflowDefinition = WorkflowDefinition> {
  /** Its name: 1 to 128 letters, digits, ".", "/", "_" or "-". */
  key: string;
  /** Five fields, or @hourly, @daily, @weekly, @monthly, @yearly. */
  cron: string;
  /** A name of the IANA database. Default UTC. */
  timezone?: string;
  /** The input of each task. */
  input: InputOf<Definition>;
  priority?: number;
  tags?: readonly string[];
  reason?: string;
  /**
   * `latest` (the default): each occurrence runs the newest version that a live worker serves, this definition's version or a later
   * one. `pinned`: always this definition's version.
   */
  version?: VersionPolicy;
  /** `skip`: an occurrence is left out while the task of the one before is pending or in progress. Default `allow`. */
  overlap?: Overlap;
}

/** Checks a schedule, its input as a submit would, and turns it into what is stored. Throws InvalidInputError naming the field. */
export async function newSchedule(
  definition: WorkflowDefinition,
  options: ScheduleOptions,
  validation: ValidationOptions = {},
): Promise<NewSchedule> {
  const { key, timezone = 'UTC' } = options;
  checkScheduleOptions(options);
  parseCron(options.cron);
  checkTimezone(timezone);
  // The schedule's key stands for the key of each occurrence.
  const caller = definition.identity === 'caller_key' ? { key } : {};
  const { priority, tags, reason } = options;
  const optional = { ...(priority === undefined ? {} : { priority }), ...(tags === undefined ? {} : { tags }) };
  const described = { ...optional, ...(reason === undefined ? {} : { reason }) };
  const { context } = await newTask(definition, { ...caller, ...described, input: options.input }, validation);
  return {
    cron: canonicalCron(options.cron),
    timezone,
    data: {
      key,
      namespace: definition.namespace,
      workflow: definition.name,
      version: definition.version,
      input: JSON.parse(context) as unknown,
      ...described,
      versionPolicy: options.version ?? 'latest',
      overlap: options.overlap ?? 'allow',
    },
  };
}

/** Throws InvalidInputError for what newTask, parseCron and checkTimezone do not check. */
function checkScheduleOptions({ key, version = 'latest', overlap = 'allow' }: ScheduleOptions): void {
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
