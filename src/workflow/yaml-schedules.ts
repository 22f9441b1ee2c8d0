import type { WorkflowSchedule } from './schedule-options.ts';
import { findScheduleProblems } from './schedule-problems.ts';
import type { YamlDocument } from './yaml-document.ts';
import type { YamlWorkflow } from './yaml-fields.ts';

/** The schedules of a template. Problems are added to the document. */
export function toSchedules({ schedules = [] }: YamlWorkflow, document: YamlDocument): WorkflowSchedule[] {
  const made: WorkflowSchedule[] = [];
  for (const [
    index,
    { make_up: makeUp, make_up_window_seconds: makeUpWindowSeconds, ...rest },
  ] of schedules.entries()) {
    const schedule = {
      ...rest,
      input: rest.input ?? {},
      ...(makeUp === undefined ? {} : { makeUp }),
      ...(makeUpWindowSeconds === undefined ? {} : { makeUpWindowSeconds }),
    } as WorkflowSchedule;
    for (const problem of findScheduleProblems(schedule, made)) document.add(['schedules', index], problem);
    made.push(schedule);
  }
  return made;
}
