#!/usr/bin/env node
import { Command } from 'commander';
import { schedulerCommand } from './commands/scheduler.ts';
import { workerCommand } from './commands/worker.ts';

const program = new Command('tasker').description('Tasker Fleet: durable workflows on PostgreSQL');
program.addCommand(workerCommand((status) => process.exit(status)));
program.addCommand(schedulerCommand((status) => process.exit(status)));
await program.parseAsync();
