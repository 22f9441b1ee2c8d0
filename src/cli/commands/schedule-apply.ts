import { Command } from 'commander';
import type { AppliedSchedule } from '../../client/apply-schedules.ts';
import { MODULES_OPTION, workflowsToSubmit } from '../dev-environment.ts';
import { loadWorkflows } from '../load-workflows.ts';
import { STATUS } from '../report-error.ts';
import { table, toMinute } from '../table.ts';
import { warnOfNoScheduler } from '../warn-of-no-scheduler.ts';
import { osUser } from '../os-user.ts';
import { print, withClient, withJson } from '../with-client.ts';

interface Options {
  workflows?: string[];
  dryRun?: boolean;
  force?: boolean;
  reason?: string;
  json?: boolean;
}

const HELP = `
Creates and changes the schedules that workflows have in code (.schedule({ ... })), and removes those that an earlier apply made and
that their workflow does not have any more. Schedules of workflows that the modules do not export stay as they are. So do schedules that
were made or changed with schedule add or client.schedule, which are listed as kept; --force takes them over. A paused one stays paused.
Run it once in a deployment, not in every worker.

Example:
  tasker schedule apply --workflows ./workflows.ts
`;

/** `tasker schedule apply`: makes the stored schedules those of the code. */
export function scheduleApplyCommand(exit: (status: number) => void): Command {
  return withJson(new Command('apply'))
    .description('make the schedules of workflows those that their code has')
    .option('-w, --workflows <modules...>', MODULES_OPTION)
    .option('--dry-run', 'check everything and print what would be done, and write nothing')
    .option('--reason <text>', 'why; kept in the audit, such as the revision that is deployed')
    .option('--force', 'also replace schedules that were made or changed by hand')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const definitions = await loadWorkflows(await workflowsToSubmit(options.workflows));
      const { force = false, dryRun = false, reason } = options;
      const { applied, schedulers } = await withClient(async (client) => ({
        applied: await client.applySchedules(definitions, { force, dryRun, by: osUser(), reason }),
        schedulers: await client.liveSchedulers(),
      }));
      print(applied, options.json, draw);
      const kept = applied.filter(({ outcome }) => outcome === 'kept');
      if (kept.length > 0) {
        console.error(
          `tasker: warning: ${kept.map(({ key }) => key).join(', ')}: made or changed by hand, or by another workflow, and kept as it is; --force replaces it`,
        );
      }
      if (applied.length > 0) warnOfNoScheduler(schedulers);
      exit(STATUS.ok);
    });
}

function draw(applied: readonly AppliedSchedule[]): string {
  return table(
    ['KEY', 'WORKFLOW', 'OUTCOME', 'NEXT'],
    applied.map(({ key, workflow, outcome, next }) => [key, workflow, outcome, next === null ? '' : toMinute(next)]),
    'the workflows of these modules have no schedules',
  );
}
