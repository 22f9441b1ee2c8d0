import type { Command } from 'commander';
import { type ActFlags, finish, operatorCommand } from '../operator-command.ts';
import { INPUT_OPTION, readInput } from '../read-input.ts';
import { withClient } from '../with-client.ts';

/** `tasker rerun <id>`: a new task from an old one. */
export function rerunCommand(exit: (status: number) => void): Command {
  return operatorCommand('rerun', 'make a new task from one that has ended or is in error')
    .option('--from <steps...>', 'run these steps and everything after them, and take over the results of all others')
    .option('--input <input>', `with this input instead: ${INPUT_OPTION}`)
    .action(async (taskId: string, options: { from?: string[]; input?: string } & ActFlags) => {
      const input = options.input === undefined ? undefined : await readInput(options.input);
      const outcome = await withClient((client) => client.rerun(taskId, { ...options, input }));
      const { taskId: rerun, ...shown } = { taskId: '', ...outcome };
      await finish(exit, taskId, rerun ? { ...shown, rerun } : shown, options.json, {
        done:
          outcome.outcome !== 'created'
            ? ''
            : `${rerun === '' ? 'would run again as another task' : `runs again as task ${rerun}`}${outcome.takenOver.length === 0 ? '' : `, with the results of ${outcome.takenOver.join(', ')}`}`,
        dryRun: options.dryRun,
        act: 'task.rerun',
      });
    });
}
