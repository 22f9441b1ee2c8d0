import { InvalidInputError } from '../errors.ts';
import { canonicalCron, checkTimezone, parseCron } from '../schedules/cron-expression.ts';
import type { NewSchedule } from '../schedules/put-schedule.ts';
import { checkScheduleKey } from '../schedules/scheduled-submit.ts';
import type { InputOf, WorkflowDefinition } from '../workflow/definition.ts';
import {
  LEAST_MAKE_UP_WINDOW_SECONDS,
  MOST_MAKE_UP_WINDOW_SECONDS,
  type WorkflowSchedule,
} from '../workflow/schedule-options.ts';
import type { ValidationOptions } from '../workflow/validate-input.ts';
import { checkedWhole } from './checked.ts';
import { newTask } from './new-task.ts';

/** A schedule: what is submitted, and when. */
export type ScheduleOptions<Definition extends WorkflowDefinition = WorkflowDefinition> = WorkflowSchedule<
  InputOf<Definition>
>;

/** Checks a schedule, its input as a submit would, and turns it into what is stored. Throws InvalidInputError naming the field. */
export async function newSchedule(
  definition: WorkflowDefinition,
  options: ScheduleOptions,
  validation: ValidationOptions = {},
): Promise<NewSchedule> {
  const { key, timezone = 'UTC', makeUp = 'all', makeUpWindowSeconds } = options;
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
      // Only what differs from the default, as schedules of earlier versions are stored.
      ...(makeUp === 'all' ? {} : { makeUp }),
      ...(makeUpWindowSeconds === undefined ? {} : { makeUpWindowSeconds }),
    },
  };
}

/** Throws InvalidInputError for what newTask, parseCron and checkTimezone do not check. */
function checkScheduleOptions(options: ScheduleOptions): void {
  const { key, version = 'latest', overlap = 'allow', makeUp = 'all', makeUpWindowSeconds } = options;
  checkScheduleKey(key);
  for (const [field, value, allowed] of [
    ['version', version, ['latest', 'pinned']],
    ['overlap', overlap, ['allow', 'skip']],
    ['makeUp', makeUp, ['all', 'last', 'skip']],
  ] as const) {
    if (!(allowed as readonly unknown[]).includes(value)) {
      throw new InvalidInputError(
        `schedule "${key}": ${field} is ${JSON.stringify(value) ?? String(value)}: use ${allowed.map((name) => `"${name}"`).join(' or ')}`,
        { field },
      );
    }
  }
  if (makeUpWindowSeconds === undefined) return;
  if (makeUp === 'skip') {
    throw new InvalidInputError(
      `schedule "${key}": makeUpWindowSeconds has no meaning with makeUp "skip": leave one of them out`,
      { field: 'makeUpWindowSeconds' },
    );
  }
  const range = [LEAST_MAKE_UP_WINDOW_SECONDS, MOST_MAKE_UP_WINDOW_SECONDS] as const;
  checkedWhole('makeUpWindowSeconds', makeUpWindowSeconds, ...range, ' seconds');
}
