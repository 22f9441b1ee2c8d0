import { Command } from 'commander';
import { STATUS } from './report-error.ts';
import { print, withJson } from './with-client.ts';

interface Outcome {
  outcome: string;
  state?: string;
  steps?: unknown;
  known?: readonly string[];
}

const REFUSALS = new Set(['not_found', 'refused', 'held', 'nothing_to_retry', 'unknown_steps']);

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
    good
      ? `task ${taskId}: ${texts.done}`
      : outcome.outcome === 'not_found'
        ? `there is no task ${taskId}`
        : outcome.outcome === 'unknown_steps'
          ? `task ${taskId} has no step ${[outcome.steps].flat().join(', ')}: its steps are ${outcome.known?.join(', ') ?? ''}`
          : `task ${taskId} is ${outcome.state ?? 'in_progress'}: ${texts.refused}`,
  );
  if (good) exit(STATUS.ok);
  else exit(['not_found', 'unknown_steps'].includes(outcome.outcome) ? STATUS.notFound : STATUS.refused);
}
