import { Command } from 'commander';
import { actView } from '../engine/act-view.ts';
import { type ActName, isRefusal } from '../engine/audit.ts';
import { type RefusedAct, refusalText } from '../engine/refusal-text.ts';
import { describeMissingTask } from './missing-task.ts';
import { osUser } from './os-user.ts';
import { STATUS } from './report-error.ts';
import { print, withClient, withJson } from './with-client.ts';

/** Of every command that changes something. */
export interface ActFlags {
  reason?: string;
  by: string;
  dryRun?: boolean;
  json?: boolean;
}

/** Adds who does it, why, and whether at all. */
export function actOptions(command: Command): Command {
  return byOption(command)
    .option('--reason <text>', 'why; kept in the audit and the history')
    .option('--dry-run', 'change nothing, and show what would come of it');
}

/** Adds who does it and why. */
export const whyOptions = (command: Command): Command =>
  byOption(command).option('--reason <text>', 'why; kept in the audit');

/** Adds who does it. The default is found when the command runs. */
export function byOption(command: Command): Command {
  return command
    .option('--by <name>', 'who; kept in the audit (default: the user of the operating system)')
    .hook('preAction', (called) => {
      if (called.opts<{ by?: string }>().by === undefined) called.setOptionValue('by', osUser());
    });
}

/** A command with which an operator changes one task: its id, who does it and why. */
export function operatorCommand(name: string, description: string): Command {
  return actOptions(withJson(new Command(name)).description(description).argument('<id>', 'the task'));
}

/** Prints the outcome (`done`: its text for people) and exits with the status that belongs to it. */
export async function finish(
  exit: (status: number) => void,
  taskId: string,
  outcome: RefusedAct & { rerun?: string },
  json: boolean | undefined,
  { act, ...texts }: { act: ActName; done: string; dryRun?: boolean | undefined },
): Promise<void> {
  const good = !isRefusal(outcome.outcome);
  const { isNamed: _isNamed, ...shown } = outcome;
  const refusal =
    outcome.outcome === 'not_found'
      ? await withClient((client) => describeMissingTask(client, taskId))
      : refusalText(act, taskId, outcome);
  print({ task_id: taskId, ...actView(shown), ...(texts.dryRun === true ? { dry_run: true } : {}) }, json, () =>
    good ? `task ${taskId}: ${texts.done}${texts.dryRun === true ? ' (dry run: nothing was changed)' : ''}` : refusal,
  );
  if (good) exit(STATUS.ok);
  else exit(['not_found', 'unknown_steps'].includes(outcome.outcome) ? STATUS.notFound : STATUS.refused);
}
