#!/usr/bin/env node
import { nodeProblem } from './node-version.ts';
import { STATUS } from './report-error.ts';
import { runProgram } from './run-program.ts';

/** Ends when all that was printed is written: a pipe takes 64 KiB at once, and what is behind them would be lost. */
function exit(status: number): void {
  const unwritten = [process.stdout, process.stderr].filter(({ writableLength }) => writableLength > 0);
  if (unwritten.length === 0) process.exit(status);
  let left = unwritten.length;
  for (const stream of unwritten) {
    // Whoever read it has gone away.
    stream.once('error', () => process.exit(status));
    stream.write('', () => {
      left -= 1;
      if (left === 0) process.exit(status);
    });
  }
}

const problem = nodeProblem(process.versions.node);
if (problem !== undefined) {
  console.error(`tasker: ${problem}`);
  process.exit(STATUS.failed);
}
// No top-level await: bundles in CommonJS format cannot have one.
void runProgram(process.argv, exit);
