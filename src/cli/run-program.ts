import { CommanderError } from 'commander';
import { createProgram } from './program.ts';
import { reportError, STATUS } from './report-error.ts';

/**
 * Runs a command of `tasker`; never rejects. `argv`: as of a process, with two words before the command. `exit` is called with the
 * exit status once.
 */
export async function runProgram(argv: readonly string[], exit: (status: number) => void): Promise<void> {
  const program = createProgram(exit);
  for (const command of [program, ...program.commands, ...program.commands.flatMap((nested) => nested.commands)]) {
    command.exitOverride();
  }
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    // Commander has printed it already. Help and the version are no errors, everything else is wrong usage.
    if (error instanceof CommanderError) exit(error.exitCode === 0 ? STATUS.ok : STATUS.usage);
    else exit(reportError(error));
  }
}
