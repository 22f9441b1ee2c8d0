import type { ScheduleRow } from '../db/statements/schedules/schedules.ts';
import { InvalidInputError } from '../errors.ts';
import type { MakeSchedule, PutOptions } from '../schedules/put-schedule.ts';
import type { ScheduleAdded, SchedulePut } from '../schedules/schedule-list.ts';
import type { ScheduledSubmit } from '../schedules/scheduled-submit.ts';
import type { WorkflowSchedule } from '../workflow/schedule-options.ts';
import type { ClientParts } from './client-parts.ts';
import { newSchedule } from './new-schedule.ts';
import { loadStored, type WorkflowByName } from './stored-workflow.ts';

/** How a schedule is written by hand. */
export interface WriteScheduleOptions {
  /**
   * Also replace a schedule that is written in the code of a workflow: from then on it is in the hands of people, and `applySchedules`
   * leaves it alone. Default false.
   */
  takeOver?: boolean | undefined;
  /** Pause it, or end its pause, with the `reason` of the action. Default: that stays as it is. */
  paused?: boolean | undefined;
  /** @internal Throws if the schedule that is there is not the one that the caller has seen. */
  expect?: PutOptions['expect'];
}

/** A schedule of a workflow by its names. Without `input` it keeps that of the schedule which it replaces, or has `{}`. */
export type ScheduleByNameOptions = Omit<WorkflowSchedule, 'input'> & { readonly input?: unknown };

const isOfCode = (data: ScheduledSubmit): boolean => data.source === 'code';

/** What is written by hand does not replace what is in the code, unless that is asked for; the same once more is no change of whose it is. */
export function handPut(make: MakeSchedule, takeOver = false): { make: MakeSchedule } & Pick<PutOptions, 'mayReplace'> {
  return {
    mayReplace: (before) => takeOver || !isOfCode(before),
    async make(before) {
      const schedule = await make(before);
      if (takeOver || before === undefined || !isOfCode(before.data as ScheduledSubmit)) return schedule;
      return { ...schedule, data: { ...schedule.data, source: 'code' } };
    },
  };
}

/** Throws InvalidInputError for a schedule that is in the code. */
export function scheduleAdded(key: string, { outcome, next, schedulers }: SchedulePut): ScheduleAdded {
  if (outcome !== 'kept') return { outcome, next, schedulers };
  throw new InvalidInputError(
    `schedule "${key}" is written in the code of its workflow, and stays as it is: change it there, or take it over (takeOver, --take-over), after which tasker schedule apply leaves it alone`,
    { field: 'takeOver' },
  );
}

/**
 * Makes a schedule of a workflow that is registered. A version that is named is pinned unless the options say otherwise. Throws
 * UnknownWorkflowError.
 */
export async function scheduleOfNames(
  { db, validation }: Pick<ClientParts, 'db' | 'validation'>,
  workflow: WorkflowByName,
  options: ScheduleByNameOptions,
): Promise<MakeSchedule> {
  const { definition } = await loadStored(db, workflow);
  const version = options.version ?? (workflow.version === undefined ? 'latest' : 'pinned');
  return (before) => {
    const input = options.input === undefined ? storedInput(before, workflow) : options.input;
    return newSchedule(definition, { ...options, version, input }, validation);
  };
}

/** That of another workflow means nothing to this one. */
function storedInput(before: ScheduleRow | undefined, { namespace, workflow }: WorkflowByName): unknown {
  const data = before?.data as ScheduledSubmit | undefined;
  return data?.namespace === namespace && data.workflow === workflow ? data.input : {};
}
