import { Command } from 'commander';
import { findWorkflow, namesOnly, WORKFLOW_ARGUMENT } from '../find-workflow.ts';
import { byOption } from '../operator-command.ts';
import { apiTarget } from '../remote/target.ts';
import { MODULES_OPTION, workflowsToSubmit } from '../dev-environment.ts';
import { loadWorkflows } from '../load-workflows.ts';
import { INPUT_OPTION, readInput } from '../read-input.ts';
import type { MakeUp } from '../../workflow/schedule-options.ts';
import { STATUS } from '../report-error.ts';
import { secondsOf } from '../seconds-option.ts';
import { toMinute } from '../table.ts';
import { warnOfNoScheduler } from '../warn-of-no-scheduler.ts';
import { priorityOf } from '../whole-number.ts';
import { print, withClient, withJson } from '../with-client.ts';

interface Options {
  workflows?: string[];
  tz: string;
  input: string;
  priority?: string;
  tag?: string[];
  reason?: string;
  skipIfRunning?: boolean;
  makeUp?: string;
  makeUpWindow?: string;
  takeOver?: boolean;
  by: string;
  dryRun?: boolean;
  json?: boolean;
}

const CRON_HELP = `
The expression has five fields: minute (0-59), hour (0-23), day of month (1-31 or L), month (1-12 or JAN-DEC), day of week (0-7
or SUN-SAT; 5L: the last Friday of the month, 1#2: its second Monday). Each takes *, lists, ranges and steps. Or it is @hourly, @daily,
@weekly, @monthly or @yearly. If day of month and day of week are both given, either is enough.

A schedule that is written in the code of a workflow, and was applied from there, is refused unless --take-over is given.

Without @version an occurrence runs the newest version that a live worker serves, but none older than the one of this command. With
@version it always runs that one.
`;

/** `tasker schedule add`: creates or replaces a schedule. */
export function scheduleAddCommand(exit: (status: number) => void): Command {
  return byOption(withJson(new Command('add')))
    .description('create or replace a schedule')
    .argument('<key>', 'its name')
    .argument('<cron>', 'cron expression of five fields')
    .argument('<workflow>', WORKFLOW_ARGUMENT)
    .option('-w, --workflows <modules...>', MODULES_OPTION)
    .option('--tz <zone>', 'time zone, a name of the IANA database', 'UTC')
    .option('-i, --input <json>', `input of each task: ${INPUT_OPTION}`, '{}')
    .option('-p, --priority <n>', 'priority of all steps of each task; lower runs sooner')
    .option('--tag <tags...>', 'tags of each task')
    .option('--reason <text>', 'why: of each task, and of this act')
    .option('--skip-if-running', 'no task while the last one of this schedule is pending or in progress')
    .option('--make-up <policy>', 'what happens to occurrences that were missed: all, last or skip (default: all)')
    .option(
      '--make-up-window <time>',
      'those that were missed longer ago are left out: 90s, 15m, 1h, 2d (default: 10m)',
    )
    .option(
      '--take-over',
      'also replace a schedule that is written in code: from then on schedule apply leaves it alone',
    )
    .option('--dry-run', 'change nothing, and show what would come of it')
    .addHelpText('after', CRON_HELP)
    .action(async (key: string, cron: string, reference: string, options: Options) => {
      const { definition, pinned } =
        apiTarget() === undefined
          ? findWorkflow(reference, await loadWorkflows(await workflowsToSubmit(options.workflows)))
          : namesOnly(reference);
      const input = await readInput(options.input);
      const { namespace, name, version } = definition;
      const added = await withClient((client) =>
        client.schedule(
          definition,
          {
            key,
            cron,
            timezone: options.tz,
            input: input as never,
            version: pinned ? 'pinned' : 'latest',
            overlap: options.skipIfRunning === true ? 'skip' : 'allow',
            ...(options.makeUp === undefined ? {} : { makeUp: options.makeUp as MakeUp }),
            ...(options.makeUpWindow === undefined
              ? {}
              : { makeUpWindowSeconds: secondsOf('--make-up-window', options.makeUpWindow) }),
            ...(options.priority === undefined ? {} : { priority: priorityOf(options.priority) }),
            ...(options.tag === undefined ? {} : { tags: options.tag }),
            ...(options.reason === undefined ? {} : { reason: options.reason }),
          },
          {
            by: options.by,
            reason: options.reason,
            takeOver: options.takeOver ?? false,
            dryRun: options.dryRun ?? false,
          },
        ),
      );
      const workflow = `${namespace}/${name}`;
      const which = pinned ? version : version === '' ? 'the newest version' : `${version} or newer`;
      const shown = {
        outcome: added.outcome,
        key,
        cron,
        timezone: options.tz,
        workflow,
        version: version === '' ? null : version,
        pinned,
        next: added.next,
        ...(options.dryRun === true ? { dry_run: true } : {}),
      };
      print(
        shown,
        options.json,
        () =>
          `schedule ${key} ${added.outcome}: ${cron} (${options.tz}) runs ${workflow} ${which}, next ${toMinute(added.next)}${options.dryRun === true ? ' (dry run: nothing was changed)' : ''}`,
      );
      warnOfNoScheduler(added.schedulers);
      exit(STATUS.ok);
    });
}
