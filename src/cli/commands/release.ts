import type { Command } from 'commander';
import { type ActFlags, finish, operatorCommand } from '../operator-command.ts';
import { withClient } from '../with-client.ts';

/** `tasker release <id>`: puts a step in progress back in its queue. */
export function releaseCommand(exit: (status: number) => void): Command {
  return operatorCommand(
    'release',
    'put a step in progress back in its queue, its attempt uncounted, if no recovery finds it',
  )
    .requiredOption('--step <name>', 'the step')
    .option('--force', 'also if a worker that lives has it: what the step has done happens again')
    .action(async (taskId: string, options: { step: string; force?: boolean } & ActFlags) => {
      const { step } = options;
      const outcome = await withClient((client) => client.releaseStep(taskId, step, options));
      await finish(exit, taskId, outcome, options.json, {
        done: `step ${step} is back in its queue`,
        act: 'step.release',
        dryRun: options.dryRun,
      });
    });
}
