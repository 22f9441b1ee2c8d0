import { Command } from 'commander';
import { scheduleAddCommand } from './schedule-add.ts';
import { scheduleListCommand } from './schedule-list.ts';
import { scheduleRemoveCommand } from './schedule-remove.ts';

/** `tasker schedule add|remove|list`: workflows that are submitted by cron. */
export function scheduleCommand(exit: (status: number) => void): Command {
  return new Command('schedule')
    .description('submit workflows by cron')
    .addCommand(scheduleAddCommand(exit))
    .addCommand(scheduleRemoveCommand(exit))
    .addCommand(scheduleListCommand(exit));
}
