import { Command } from 'commander';
import { actView } from '../../engine/act-view.ts';
import { actOptions, type ActFlags } from '../operator-command.ts';
import { STATUS } from '../report-error.ts';
import { print, withClient, withJson } from '../with-client.ts';

/** `tasker schedule trigger <key>`. */
export function scheduleTriggerCommand(exit: (status: number) => void): Command {
  return actOptions(withJson(new Command('trigger')))
    .argument('<key>')
    .description('submit the workflow of a schedule now, also while it is paused; status 3 if there is none')
    .action(async (key: string, { json, ...action }: ActFlags) => {
      const outcome = await withClient((client) => client.triggerSchedule(key, action));
      print({ key, ...actView(outcome) }, json, () => {
        if (outcome.outcome === 'not_found') return `there is no schedule ${key}`;
        return action.dryRun === true
          ? `schedule ${key} would be triggered`
          : `schedule ${key} submitted task ${outcome.taskId}`;
      });
      exit(outcome.outcome === 'not_found' ? STATUS.notFound : STATUS.ok);
    });
}
