import type { Command } from 'commander';
import { type ActFlags, finish, operatorCommand } from '../operator-command.ts';
import { withClient } from '../with-client.ts';

/** `tasker cancel <id>`: cancels a task with its open steps. */
export function cancelCommand(exit: (status: number) => void): Command {
  return operatorCommand('cancel', 'cancel a task with its open steps; what runs is aborted').action(
    async (taskId: string, options: ActFlags) => {
      const outcome = await withClient((client) => client.cancel(taskId, options));
      await finish(exit, taskId, outcome, options.json, {
        done: 'cancelled',
        dryRun: options.dryRun,
        act: 'task.cancel',
      });
    },
  );
}
