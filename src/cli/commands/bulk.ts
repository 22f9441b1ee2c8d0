import { Command } from 'commander';
import { bulkActCommands } from './bulk-act.ts';
import { itemsCommand, listCommand, showCommand } from './bulk-show.ts';
import { waitCommand } from './bulk-wait.ts';
import { steerCommands } from './bulk-steer.ts';

/** `tasker bulk ...`: one act on many tasks. */
export function bulkCommand(exit: (status: number) => void): Command {
  const command = new Command('bulk').description(
    'one act on many tasks: chosen once, worked off by schedulers at a pace, stopped if what is retried fails again',
  );
  for (const each of [
    ...bulkActCommands(exit),
    ...steerCommands(exit),
    listCommand(exit),
    showCommand(exit),
    itemsCommand(exit),
    waitCommand(exit),
  ])
    command.addCommand(each);
  return command;
}
