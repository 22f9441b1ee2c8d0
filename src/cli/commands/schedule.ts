import { Command } from 'commander';
import type { ScheduleInfo } from '../../client/schedule-options.ts';
import { findWorkflow, WORKFLOW_ARGUMENT } from '../find-workflow.ts';
import { loadWorkflows } from '../load-workflows.ts';
import { INPUT_OPTION, readInput } from '../read-input.ts';
import { STATUS } from '../report-error.ts';
import { table } from '../table.ts';
import { priorityOf } from '../whole-number.ts';
import { warnOfNoScheduler } from '../warn-of-no-scheduler.ts';
import { print, withClient, withJson } from '../with-client.ts';

interface AddOptions {
  workflows: string[];
  tz: string;
  input: string;
  priority?: string;
  tag?: string[];
  reason?: string;
  skipIfRunning?: boolean;
  json?: boolean;
}

const CRON_HELP = `
The expression has five fields: minute (0-59), hour (0-23), day of month (1-31 or L), month (1-12 or JAN-DEC), day of week (0-7
or SUN-SAT; 5L: the last Friday of the month, 1#2: its second Monday). Each takes *, lists, ranges and steps. Or it is @hourly, @daily,
@weekly, @monthly or @yearly. If day of month and day of week are both given, either is enough.

Without @version an occurrence runs the newest version that a live worker serves, but none older than the one of this command. With
@version it always runs that one.
`;

/** `tasker schedule add|remove|list`: workflows that are submitted by cron. */
export function scheduleCommand(exit: (status: number) => void): Command {
  const command = new Command('schedule').description('submit workflows by cron');
  command.addCommand(addCommand(exit));
  command.addCommand(
    withJson(new Command('remove'))
      .argument('<key>')
      .description('remove a schedule; status 3 if there is none')
      .action(async (key: string, options: { json?: boolean }) => {
        const removed = await withClient((client) => client.unschedule(key));
        print({ key, removed }, options.json, () =>
          removed ? `schedule ${key} removed` : `there is no schedule ${key}`,
        );
        exit(removed ? STATUS.ok : STATUS.notFound);
      }),
  );
  command.addCommand(
    withJson(new Command('list'))
      .description('list schedules: what each runs, when next, and what became of the last time')
      .action(async (options: { json?: boolean }) => {
        const { list, schedulers } = await withClient(async (client) => ({
          list: await client.schedules(),
          schedulers: await client.liveSchedulers(),
        }));
        print(list.map(toJson), options.json, () => draw(list));
        if (list.length > 0) warnOfNoScheduler(schedulers);
        exit(STATUS.ok);
      }),
  );
  return command;
}

function addCommand(exit: (status: number) => void): Command {
  return withJson(new Command('add'))
    .description('create or replace a schedule')
    .argument('<key>', 'its name')
    .argument('<cron>', 'cron expression of five fields')
    .argument('<workflow>', WORKFLOW_ARGUMENT)
    .requiredOption('-w, --workflows <modules...>', 'modules that export the definition (its schema checks the input)')
    .option('--tz <zone>', 'time zone, a name of the IANA database', 'UTC')
    .option('-i, --input <json>', `input of each task: ${INPUT_OPTION}`, '{}')
    .option('-p, --priority <n>', 'priority of all steps of each task; lower runs sooner')
    .option('--tag <tags...>', 'tags of each task')
    .option('--reason <text>', 'why')
    .option('--skip-if-running', 'no task while the last one of this schedule is pending or in progress')
    .addHelpText('after', CRON_HELP)
    .action(async (key: string, cron: string, reference: string, options: AddOptions) => {
      const { definition, pinned } = findWorkflow(reference, await loadWorkflows(options.workflows));
      const input = await readInput(options.input);
      const { namespace, name, version } = definition;
      const added = await withClient((client) =>
        client.schedule(definition, {
          key,
          cron,
          timezone: options.tz,
          input: input as never,
          version: pinned ? 'pinned' : 'latest',
          overlap: options.skipIfRunning === true ? 'skip' : 'allow',
          ...(options.priority === undefined ? {} : { priority: priorityOf(options.priority) }),
          ...(options.tag === undefined ? {} : { tags: options.tag }),
          ...(options.reason === undefined ? {} : { reason: options.reason }),
        }),
      );
      const workflow = `${namespace}/${name}`;
      const shown = {
        outcome: added.outcome,
        key,
        cron,
        timezone: options.tz,
        workflow,
        version,
        pinned,
        next: added.next,
      };
      print(
        shown,
        options.json,
        () =>
          `schedule ${key} ${added.outcome}: ${cron} (${options.tz}) runs ${workflow} ${pinned ? version : `${version} or newer`}, next ${time(added.next)}`,
      );
      warnOfNoScheduler(added.schedulers);
      exit(STATUS.ok);
    });
}

function draw(schedules: readonly ScheduleInfo[]): string {
  return table(
    ['KEY', 'CRON', 'TIME ZONE', 'WORKFLOW', 'VERSION', 'SERVED', 'NEXT', 'LAST', 'PROBLEM'],
    schedules.map((schedule) => [
      schedule.key,
      schedule.cron,
      schedule.timezone,
      `${schedule.namespace}/${schedule.workflow}`,
      `${schedule.version ?? 'none'} (${schedule.versionPolicy})`,
      schedule.served ? 'yes' : 'nobody',
      time(schedule.next),
      schedule.lastOccurrence === null ? '' : `${time(schedule.lastOccurrence)} ${schedule.lastOutcome}`,
      schedule.problem ?? '',
    ]),
  );
}

function toJson(schedule: ScheduleInfo): Record<string, unknown> {
  return {
    key: schedule.key,
    cron: schedule.cron,
    timezone: schedule.timezone,
    namespace: schedule.namespace,
    workflow: schedule.workflow,
    version_policy: schedule.versionPolicy,
    version: schedule.version,
    served: schedule.served,
    overlap: schedule.overlap,
    next_at: schedule.next,
    last_occurrence_at: schedule.lastOccurrence,
    last_outcome: schedule.lastOutcome,
    last_task_id: schedule.lastTaskId,
    problem: schedule.problem,
    data: schedule.data,
  };
}

/** To the minute: cron has no seconds. */
function time(date: Date | null): string {
  return date === null ? 'never' : `${date.toISOString().slice(0, 16)}Z`;
}
