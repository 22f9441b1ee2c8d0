#!/usr/bin/env node
import { Command } from 'commander';
import { migrateCommand } from './commands/migrate.ts';
import { schedulerCommand } from './commands/scheduler.ts';
import { workerCommand } from './commands/worker.ts';
import { reportError } from './report-error.ts';

const exit = (status: number): never => process.exit(status);
const program = new Command('tasker').description('Tasker Fleet: durable workflows on PostgreSQL');
program.addCommand(workerCommand(exit));
program.addCommand(schedulerCommand(exit));
program.addCommand(migrateCommand(exit));

try {
  await program.parseAsync();
} catch (error) {
  exit(reportError(error));
}
