import { Command } from 'commander';
import { actOptions, type ActFlags } from '../operator-command.ts';
import { STATUS } from '../report-error.ts';
import { print, withClient, withJson } from '../with-client.ts';

/** `tasker schedule pause <key>`. */
export function schedulePauseCommand(exit: (status: number) => void): Command {
  return actOptions(withJson(new Command('pause')))
    .argument('<key>')
    .description('let a schedule submit nothing until it is resumed; status 3 if there is none')
    .action(async (key: string, options: ActFlags) => {
      const outcome = await withClient((client) => client.pauseSchedule(key, options));
      print({ key, outcome }, options.json, () =>
        outcome === 'not found'
          ? `there is no schedule ${key}`
          : `schedule ${key} ${options.dryRun === true ? 'would be' : 'is'} paused`,
      );
      exit(outcome === 'not found' ? STATUS.notFound : STATUS.ok);
    });
}
