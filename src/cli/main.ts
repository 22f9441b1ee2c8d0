#!/usr/bin/env node
import { nodeProblem } from './node-version.ts';
import { STATUS } from './report-error.ts';
import { runProgram } from './run-program.ts';

const exit = (status: number): never => process.exit(status);
const problem = nodeProblem(process.versions.node);
if (problem !== undefined) {
  console.error(`tasker: ${problem}`);
  exit(STATUS.failed);
}
// No top-level await: bundles in CommonJS format cannot have one.
void runProgram(process.argv, exit);
