import { Command } from 'commander';
import { isRefusal } from '../engine/audit.ts';
import { osUser } from './os-user.ts';
import { STATUS } from './report-error.ts';
import { print, withJson } from './with-client.ts';

interface Outcome {
  outcome: string;
  state?: string;
  steps?: unknown;
  known?: readonly string[];
  by?: string;
}

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

/** Prints the outcome (`done` or `refused`: its text for people) and exits with the status that belongs to it. */
export function finish(
  exit: (status: number) => void,
  taskId: string,
  outcome: Outcome,
  json: boolean | undefined,
  texts: { done: string; refused: string; dryRun?: boolean | undefined },
): void {
  const good = !isRefusal(outcome.outcome);
  print({ task_id: taskId, ...outcome, ...(texts.dryRun === true ? { dry_run: true } : {}) }, json, () =>
    good
      ? `task ${taskId}: ${texts.done}${texts.dryRun === true ? ' (dry run: nothing was changed)' : ''}`
      : refusal(taskId, outcome, texts.refused),
  );
  if (good) exit(STATUS.ok);
  else exit(['not_found', 'unknown_steps'].includes(outcome.outcome) ? STATUS.notFound : STATUS.refused);
}

function refusal(taskId: string, { outcome, state, steps, known, by }: Outcome, refused: string): string {
  if (outcome === 'not_found') return `there is no task ${taskId}`;
  if (outcome === 'unknown_steps') {
    return `task ${taskId} has no step ${[steps].flat().join(', ')}: its steps are ${known?.join(', ') ?? ''}`;
  }
  if (outcome === 'superseded') {
    return `task ${taskId} stays in ${state ?? 'error'}: task ${by ?? ''} has its identity now and does its work; see to that one, and declare this one done (tasker resolve ${taskId})`;
  }
  // What the state has nothing to do with has none.
  return state === undefined ? `task ${taskId}: ${refused}` : `task ${taskId} is ${state}: ${refused}`;
}
