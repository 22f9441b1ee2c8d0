import { Command } from 'commander';
import { STATUS } from './report-error.ts';
import { print, withJson } from './with-client.ts';

interface Outcome {
  outcome: string;
  state?: string;
  steps?: unknown;
  known?: readonly string[];
  by?: string;
}

const REFUSALS = new Set(['not_found', 'refused', 'held', 'nothing_to_retry', 'unknown_steps', 'superseded']);

/** A command with which an operator changes one task: its id, who does it and why. */
export function operatorCommand(name: string, description: string): Command {
  return withJson(new Command(name))
    .description(description)
    .argument('<id>', 'the task')
    .option('--reason <text>', 'why; kept in the history')
    .option('--by <name>', 'who; kept in the history', 'cli');
}

/** Prints the outcome (`done` or `refused`: its text for people) and exits with the status that belongs to it. */
export function finish(
  exit: (status: number) => void,
  taskId: string,
  outcome: Outcome,
  json: boolean | undefined,
  texts: { done: string; refused: string },
): void {
  const good = !REFUSALS.has(outcome.outcome);
  print({ task_id: taskId, ...outcome }, json, () =>
    good ? `task ${taskId}: ${texts.done}` : refusal(taskId, outcome, texts.refused),
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
  return `task ${taskId} is ${state ?? 'in_progress'}: ${refused}`;
}
