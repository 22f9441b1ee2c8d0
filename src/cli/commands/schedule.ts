import { Command } from 'commander';
import { scheduleAddCommand } from './schedule-add.ts';
import { scheduleApplyCommand } from './schedule-apply.ts';
import { scheduleListCommand } from './schedule-list.ts';
import { schedulePauseCommand } from './schedule-pause.ts';
import { scheduleRemoveCommand } from './schedule-remove.ts';
import { scheduleResumeCommand } from './schedule-resume.ts';
import { scheduleTriggerCommand } from './schedule-trigger.ts';

/** `tasker schedule add|apply|pause|resume|trigger|remove|list`: workflows that are submitted by cron. */
export function scheduleCommand(exit: (status: number) => void): Command {
  return new Command('schedule')
    .description('submit workflows by cron')
    .addCommand(scheduleAddCommand(exit))
    .addCommand(scheduleApplyCommand(exit))
    .addCommand(schedulePauseCommand(exit))
    .addCommand(scheduleResumeCommand(exit))
    .addCommand(scheduleTriggerCommand(exit))
    .addCommand(scheduleRemoveCommand(exit))
    .addCommand(scheduleListCommand(exit));
}
