import { Command } from 'commander';
import { actOptions, type ActFlags } from '../operator-command.ts';
import { STATUS } from '../report-error.ts';
import { print, withClient, withJson } from '../with-client.ts';

/** `tasker schedule resume <key>`. */
export function scheduleResumeCommand(exit: (status: number) => void): Command {
  return actOptions(withJson(new Command('resume')))
    .argument('<key>')
    .description('end the pause of a schedule; what it missed is not made up for; status 3 if there is none')
    .action(async (key: string, options: ActFlags) => {
      const outcome = await withClient((client) => client.resumeSchedule(key, options));
      print({ key, outcome }, options.json, () => TEXTS[outcome](key));
      exit(outcome === 'not found' ? STATUS.notFound : STATUS.ok);
    });
}

const TEXTS = {
  resumed: (key: string) => `schedule ${key} is resumed`,
  'not paused': (key: string) => `schedule ${key} was not paused`,
  'not found': (key: string) => `there is no schedule ${key}`,
};
