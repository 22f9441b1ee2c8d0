import { Command } from 'commander';
import { actOptions, type ActFlags } from '../operator-command.ts';
import { STATUS } from '../report-error.ts';
import { print, withClient, withJson } from '../with-client.ts';

/** `tasker schedule remove <key>`. */
export function scheduleRemoveCommand(exit: (status: number) => void): Command {
  return actOptions(withJson(new Command('remove')))
    .argument('<key>')
    .description('remove a schedule; status 3 if there is none')
    .action(async (key: string, options: ActFlags) => {
      const removed = await withClient((client) => client.unschedule(key, options));
      print({ key, removed }, options.json, () =>
        removed ? `schedule ${key} removed` : `there is no schedule ${key}`,
      );
      exit(removed ? STATUS.ok : STATUS.notFound);
    });
}
