import { Command } from 'commander';
import { VERSION } from '../version.ts';
import { auditCommand } from './commands/audit.ts';
import { apiCommand } from './commands/api.ts';
import { apiKeysCommand } from './commands/api-keys.ts';
import { searchCommand } from './commands/search.ts';
import { signInsCommand } from './commands/sign-ins.ts';
import { archiveCommand } from './commands/archive.ts';
import { bulkCommand } from './commands/bulk.ts';
import { cancelCommand } from './commands/cancel.ts';
import { devCommand } from './commands/dev.ts';
import { devWorkerCommand } from './commands/dev-worker.ts';
import { doctorCommand } from './commands/doctor.ts';
import { holdCommand } from './commands/hold.ts';
import { explainCommand } from './commands/explain.ts';
import { failuresCommand } from './commands/failures.ts';
import { importTaskerCommand } from './commands/import-tasker.ts';
import { initCommand } from './commands/init.ts';
import { mcpCommand } from './commands/mcp.ts';
import { migrateCommand } from './commands/migrate.ts';
import { pauseCommand, pausesCommand, resumeCommand } from './commands/pause.ts';
import { purgeCommand } from './commands/purge.ts';
import { queuesCommand } from './commands/queues.ts';
import { recordCommand } from './commands/record.ts';
import { releaseCommand } from './commands/release.ts';
import { rerunCommand } from './commands/rerun.ts';
import { resolveCommand } from './commands/resolve.ts';
import { retentionCommand } from './commands/retention.ts';
import { retryCommand } from './commands/retry.ts';
import { scaleSimulateCommand } from './commands/scale-simulate.ts';
import { scheduleCommand } from './commands/schedule.ts';
import { schedulerCommand } from './commands/scheduler.ts';
import { sizeCommand } from './commands/size.ts';
import { statsCommand } from './commands/stats.ts';
import { offerApi } from './remote/target.ts';
import { submitCommand } from './commands/submit.ts';
import { taskCommand } from './commands/task.ts';
import { tasksCommand } from './commands/tasks.ts';
import { workerCommand } from './commands/worker.ts';
import { workersCommand } from './commands/workers.ts';
import { workflowCommand } from './commands/workflow.ts';
import { workflowsCommand } from './commands/workflows.ts';

/** The whole command line. `exit` ends the process; the commands call it once, at their end. */
export function createProgram(exit: (status: number) => void): Command {
  const program = new Command('tasker')
    .description('Tasker Fleet: durable workflows on PostgreSQL')
    .version(VERSION)
    .addHelpText(
      'after',
      `
Every command reads DATABASE_URL (and further settings, see docs/reference/configuration.md) from the environment. Without it, commands
for tasks use the database of the tasker dev that runs in the same folder or above it. Commands with --api do without a database.
Exit statuses: 0 done, 1 failed or a violation found, 2 usage or configuration, 3 not found, 4 refused, 5 database unavailable or unsuitable.`,
    );
  const groups: Record<string, Command[]> = {
    'Write and try:': [initCommand(exit), devCommand(exit), submitCommand(exit)],
    'Run:': [workerCommand(exit), schedulerCommand(exit), apiCommand(exit), migrateCommand(exit)],
    'See:': [
      tasksCommand(exit),
      taskCommand(exit),
      explainCommand(exit),
      failuresCommand(exit),
      workflowsCommand(exit),
      workflowCommand(exit),
      queuesCommand(exit),
      workersCommand(exit),
      statsCommand(exit),
      recordCommand(exit),
      mcpCommand(exit),
    ],
    'Act:': [
      retryCommand(exit),
      cancelCommand(exit),
      rerunCommand(exit),
      resolveCommand(exit),
      releaseCommand(exit),
      bulkCommand(exit),
      pauseCommand(exit),
      resumeCommand(exit),
      pausesCommand(exit),
      auditCommand(exit),
    ],
    'Schedules:': [scheduleCommand(exit)],
    'Keep and remove:': [
      retentionCommand(exit),
      archiveCommand(exit),
      purgeCommand(exit),
      holdCommand(exit),
      searchCommand(exit),
    ],
    'Operate:': [
      doctorCommand(exit),
      apiKeysCommand(exit),
      signInsCommand(exit),
      sizeCommand(exit),
      scaleSimulateCommand(exit),
      importTaskerCommand(exit),
    ],
  };
  for (const [heading, commands] of Object.entries(groups)) {
    for (const command of commands) program.addCommand(command.helpGroup(heading));
  }
  offerApi(program);
  program.addCommand(devWorkerCommand(exit), { hidden: true });
  showWhereHelpIs(program, 'tasker');
  return program;
}

/** After an error: with all of the help below it, the error would be above the screen. */
function showWhereHelpIs(command: Command, called: string): void {
  command.showHelpAfterError(`(${called} --help shows what there is)`);
  for (const nested of command.commands) showWhereHelpIs(nested, `${called} ${nested.name()}`);
}
