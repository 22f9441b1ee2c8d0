import { Command } from 'commander';
import type { Hold } from '../../engine/holds.ts';
import { ConfigError } from '../../errors.ts';
import { byOption } from '../operator-command.ts';
import { STATUS } from '../report-error.ts';
import { table, toMinute } from '../table.ts';
import { print, withClient, withJson } from '../with-client.ts';

/** `tasker hold add|list|remove`: what nobody may remove. */
export function holdCommand(exit: (status: number) => void): Command {
  return new Command('hold')
    .description('keep tasks from being removed, by retention or by a purge (legal hold)')
    .addCommand(addCommand(exit))
    .addCommand(listCommand(exit))
    .addCommand(removeCommand(exit));
}

interface AddFlags {
  task?: string;
  tag?: string;
  reason: string;
  by: string;
  json?: boolean;
}

function addCommand(exit: (status: number) => void): Command {
  return byOption(withJson(new Command('add')))
    .description('hold a task, or every task with a tag')
    .option('--task <id>', 'this task')
    .option('--tag <tag>', 'every task with this tag, also those that are submitted later')
    .requiredOption('--reason <text>', 'why; shown wherever it keeps something')
    .action(async ({ task, tag, reason, by, json }: AddFlags) => {
      if ((task === undefined) === (tag === undefined)) {
        throw new ConfigError('tasker hold add needs either --task or --tag: give one of the two');
      }
      const subject = task === undefined ? { tag: tag as string } : { taskId: task };
      const hold = await withClient((client) => client.holds.add({ ...subject, reason, by }));
      if (hold === undefined) {
        print({ task_id: task, outcome: 'not_found' }, json, () => `there is no task ${task}: nothing is held`);
        return exit(STATUS.notFound);
      }
      print(asWire(hold), json, () => `hold ${hold.holdId}: ${about(hold)} is removed by nobody`);
      exit(STATUS.ok);
    });
}

function listCommand(exit: (status: number) => void): Command {
  return withJson(new Command('list'))
    .description('show all holds, the latest first')
    .action(async ({ json }: { json?: boolean }) => {
      const holds = await withClient((client) => client.holds.list());
      print(holds.map(asWire), json, () => {
        return table(
          ['HOLD', 'ABOUT', 'SINCE', 'BY', 'REASON'],
          holds.map((hold) => [hold.holdId, about(hold), toMinute(hold.at), hold.by, hold.reason]),
          'no holds',
        );
      });
      exit(STATUS.ok);
    });
}

function removeCommand(exit: (status: number) => void): Command {
  return byOption(withJson(new Command('remove')))
    .description('end a hold: what no other one keeps may be removed again')
    .argument('<id>', 'the hold, as tasker hold list shows it')
    .option('--reason <text>', 'why; kept in the audit')
    .action(async (holdId: string, { json, ...action }: { json?: boolean; by: string; reason?: string }) => {
      const hold = await withClient((client) => client.holds.remove(holdId, action));
      if (hold === undefined) {
        print({ hold_id: holdId, outcome: 'not_found' }, json, () => `there is no hold ${holdId}`);
        return exit(STATUS.notFound);
      }
      print(asWire(hold), json, () => `hold ${holdId} on ${about(hold)} has ended`);
      exit(STATUS.ok);
    });
}

const about = ({ taskId, tag }: Hold): string => (taskId === undefined ? `tag ${tag}` : `task ${taskId}`);

function asWire({ holdId, taskId, tag, reason, by, at }: Hold) {
  return { hold_id: holdId, task_id: taskId ?? null, tag: tag ?? null, reason, by, at: at.toISOString() };
}
