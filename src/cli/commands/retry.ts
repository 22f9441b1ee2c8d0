import type { Command } from 'commander';
import { MAX_RETRY_LIMIT } from '../../workflow/step-options.ts';
import { type ActFlags, finish, operatorCommand } from '../operator-command.ts';
import { INPUT_OPTION, readInput } from '../read-input.ts';
import { wholeNumber } from '../whole-number.ts';
import { withClient } from '../with-client.ts';

/** `tasker retry <id>`: puts steps in error back in their queue. */
export function retryCommand(exit: (status: number) => void): Command {
  return operatorCommand('retry', 'put the steps in error of a task back in their queue, at once')
    .option('--step <names...>', 'only these steps')
    .option(
      '--input <input>',
      `with this input instead, of the one --step or without --step of the task: ${INPUT_OPTION}`,
    )
    .option('--attempts <n>', 'grant at least this many further attempts, 1 to 1000', '1')
    .action(async (taskId: string, options: { step?: string[]; input?: string; attempts: string } & ActFlags) => {
      const attempts = wholeNumber('--attempts', options.attempts, 1, MAX_RETRY_LIMIT);
      const input = options.input === undefined ? undefined : await readInput(options.input);
      const outcome = await withClient((client) =>
        client.retry(taskId, {
          ...options,
          attempts,
          input,
          ...(options.step === undefined ? {} : { steps: options.step }),
        }),
      );
      const names = outcome.outcome === 'retried' ? outcome.steps.map((step) => step.name).join(', ') : '';
      await finish(exit, taskId, { ...outcome, isNamed: options.step !== undefined }, options.json, {
        done: `${names} ready again`,
        dryRun: options.dryRun,
        act: 'task.retry',
      });
    });
}
