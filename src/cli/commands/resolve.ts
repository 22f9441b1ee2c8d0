import type { Command } from 'commander';
import { parseJsonArgument } from '../json-argument.ts';
import { type ActFlags, finish, operatorCommand } from '../operator-command.ts';
import { withClient } from '../with-client.ts';

/** `tasker resolve <id>`: declares a step done by hand, or a task in error dealt with. */
export function resolveCommand(exit: (status: number) => void): Command {
  return operatorCommand('resolve', 'declare a step done by hand, or a whole task in error dealt with')
    .option('--step <name>', 'the step; without it the whole task')
    .option('--result <json>', 'what the children of the step read as its result (default: null)')
    .action(async (taskId: string, options: { step?: string; result?: string } & ActFlags) => {
      const { step } = options;
      const outcome = await withClient((client) =>
        step === undefined
          ? client.resolveTask(taskId, options)
          : client.resolveStep(taskId, step, { ...options, result: parseResult(options.result) }),
      );
      await finish(exit, taskId, outcome, options.json, {
        dryRun: options.dryRun,
        done:
          step === undefined
            ? 'resolved'
            : `step ${step} resolved${options.result === undefined ? ', with null as its result (--result)' : ''}`,
        act: step === undefined ? 'task.resolve' : 'step.resolve',
      });
    });
}

function parseResult(text: string | undefined): unknown {
  return text === undefined ? null : parseJsonArgument(text, '--result', 'result');
}
