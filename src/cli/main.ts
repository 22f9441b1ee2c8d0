#!/usr/bin/env node
import { CommanderError } from 'commander';
import { nodeProblem } from './node-version.ts';
import { createProgram } from './program.ts';
import { reportError, STATUS } from './report-error.ts';

const exit = (status: number): never => process.exit(status);
const problem = nodeProblem(process.versions.node);
if (problem !== undefined) {
  console.error(`tasker: ${problem}`);
  exit(STATUS.failed);
}
const program = createProgram(exit);
for (const command of [program, ...program.commands, ...program.commands.flatMap((nested) => nested.commands)]) {
  command.exitOverride();
}

// No top-level await: bundles in CommonJS format cannot have one.
program.parseAsync().catch((error: unknown) => {
  // Commander has printed it already. Help and the version are no errors, everything else is wrong usage.
  if (error instanceof CommanderError) exit(error.exitCode === 0 ? STATUS.ok : STATUS.usage);
  exit(reportError(error));
});
