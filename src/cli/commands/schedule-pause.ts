import { Command } from 'commander';
import { STATUS } from '../report-error.ts';
import { print, withClient, withJson } from '../with-client.ts';

/** `tasker schedule pause <key>`. */
export function schedulePauseCommand(exit: (status: number) => void): Command {
  return withJson(new Command('pause'))
    .argument('<key>')
    .option('--reason <text>', 'why')
    .description('let a schedule submit nothing until it is resumed; status 3 if there is none')
    .action(async (key: string, options: { reason?: string; json?: boolean }) => {
      const { reason } = options;
      const outcome = await withClient((client) => client.pauseSchedule(key, reason === undefined ? {} : { reason }));
      print({ key, outcome }, options.json, () =>
        outcome === 'not found' ? `there is no schedule ${key}` : `schedule ${key} is paused`,
      );
      exit(outcome === 'not found' ? STATUS.notFound : STATUS.ok);
    });
}
