import { Command } from 'commander';
import { MAX_RETRY_LIMIT } from '../../workflow/step-options.ts';
import { parseJsonArgument } from '../json-argument.ts';
import { STATUS } from '../report-error.ts';
import { wholeNumber } from '../whole-number.ts';
import { print, withClient, withJson } from '../with-client.ts';

interface Outcome {
  outcome: string;
  state?: string;
  steps?: unknown;
  known?: readonly string[];
}

const REFUSALS = new Set(['not_found', 'refused', 'held', 'nothing_to_retry', 'unknown_steps']);

/** The commands that change tasks: retry, cancel, resolve, release. */
export function steerCommands(exit: (status: number) => void): Command[] {
  const act = (name: string, description: string): Command =>
    withJson(new Command(name))
      .description(description)
      .argument('<id>', 'the task')
      .option('--reason <text>', 'why; kept in the history')
      .option('--by <name>', 'who; kept in the history', 'cli');
  const finish = (taskId: string, outcome: Outcome, json: boolean | undefined, done: string, refused: string): void => {
    const good = !REFUSALS.has(outcome.outcome);
    print({ task_id: taskId, ...outcome }, json, () =>
      good
        ? `task ${taskId}: ${done}`
        : outcome.outcome === 'not_found'
          ? `there is no task ${taskId}`
          : outcome.outcome === 'unknown_steps'
            ? `task ${taskId} has no step ${[outcome.steps].flat().join(', ')}: its steps are ${outcome.known?.join(', ') ?? ''}`
            : `task ${taskId} is ${outcome.state ?? 'in_progress'}: ${refused}`,
    );
    if (good) exit(STATUS.ok);
    else exit(['not_found', 'unknown_steps'].includes(outcome.outcome) ? STATUS.notFound : STATUS.refused);
  };

  const retry = act('retry', 'put the steps in error of a task back in their queue, at once')
    .option('--step <names...>', 'only these steps')
    .option('--attempts <n>', 'grant at least this many further attempts, 1 to 1000', '1')
    .action(
      async (
        taskId: string,
        options: { step?: string[]; attempts: string; reason?: string; by: string; json?: boolean },
      ) => {
        const attempts = wholeNumber('--attempts', options.attempts, 1, MAX_RETRY_LIMIT);
        const outcome = await withClient((client) =>
          client.retry(taskId, {
            ...options,
            attempts,
            ...(options.step === undefined ? {} : { steps: options.step }),
          }),
        );
        const names = outcome.outcome === 'retried' ? outcome.steps.map((step) => step.name).join(', ') : '';
        finish(taskId, outcome, options.json, `${names} ready again`, 'none of the steps asked for is in error');
      },
    );

  const cancel = act('cancel', 'cancel a task with its open steps; what runs is aborted').action(
    async (taskId: string, options: { reason?: string; by: string; json?: boolean }) => {
      const outcome = await withClient((client) => client.cancel(taskId, options));
      finish(
        taskId,
        outcome,
        options.json,
        'cancelled',
        'only pending tasks and tasks in progress can be cancelled; resolve one in error',
      );
    },
  );

  const resolve = act('resolve', 'declare a step done by hand, or a whole task in error dealt with')
    .option('--step <name>', 'the step; without it the whole task')
    .option('--result <json>', 'what the children of the step see as its result')
    .action(
      async (
        taskId: string,
        options: { step?: string; result?: string; reason?: string; by: string; json?: boolean },
      ) => {
        const { step } = options;
        const outcome = await withClient((client) =>
          step === undefined
            ? client.resolveTask(taskId, options)
            : client.resolveStep(taskId, step, { ...options, result: parseResult(options.result) }),
        );
        finish(
          taskId,
          outcome,
          options.json,
          step === undefined ? 'resolved' : `step ${step} resolved`,
          step === undefined
            ? 'only a task in error can be resolved'
            : `step ${step} is unknown, running, done, or waits for a parent`,
        );
      },
    );
  const release = act(
    'release',
    'put a step in progress back in its queue, its attempt uncounted, if no recovery finds it',
  )
    .requiredOption('--step <name>', 'the step')
    .option('--force', 'also if a worker that lives has it: what the step has done happens again')
    .action(
      async (
        taskId: string,
        options: { step: string; force?: boolean; reason?: string; by: string; json?: boolean },
      ) => {
        const { step } = options;
        const outcome = await withClient((client) => client.releaseStep(taskId, step, options));
        const refused =
          outcome.outcome === 'held'
            ? `step ${step} is with worker ${outcome.workerId}, which lives: stop that worker, or say --force`
            : `step ${step} is unknown or not in progress`;
        finish(taskId, outcome, options.json, `step ${step} is back in its queue`, refused);
      },
    );
  return [retry, cancel, resolve, release];
}

function parseResult(text: string | undefined): unknown {
  return text === undefined ? null : parseJsonArgument(text, '--result', 'result');
}
