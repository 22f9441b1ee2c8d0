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
      finish(
        exit,
        taskId,
        { ...outcome, ...(outcome.outcome === 'created' ? { rerun: outcome.taskId } : {}) },
        options.json,
        {
          done:
            outcome.outcome !== 'created' || options.dryRun === true
              ? 'would run again'
              : `runs again as task ${outcome.taskId}${outcome.takenOver.length === 0 ? '' : `, with the results of ${outcome.takenOver.join(', ')}`}`,
          dryRun: options.dryRun,
          refused:
            outcome.outcome === 'not_done'
              ? `no result of ${outcome.steps.join(', ')} to take over, because not done: begin there (--from)`
              : 'it has not ended',
        },
      );
    });
}
