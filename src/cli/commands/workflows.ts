import { Command } from 'commander';
import type { WorkflowRow } from '../../db/reads/workflows.ts';
import { noteSource } from '../note-source.ts';
import { STATUS } from '../report-error.ts';
import { table } from '../table.ts';
import { print, withClient, withJson } from '../with-client.ts';

/** `tasker workflows`: every workflow version, its open tasks, the workers that serve it, and what keeps it from being served. */
export function workflowsCommand(exit: (status: number) => void): Command {
  return withJson(new Command('workflows'))
    .description('list workflow versions with their open tasks, the workers that serve them, and what is wrong')
    .action(async (options: { json?: boolean }) => {
      const { rows, source } = await withClient(async (client) => ({
        rows: (await client.workflows()).workflows,
        source: client.reports.lastSource,
      }));
      print(rows, options.json, drawWorkflows);
      noteSource(source);
      exit(STATUS.ok);
    });
}

export function drawWorkflows(rows: readonly WorkflowRow[]): string {
  const list = table(
    ['WORKFLOW', 'VERSION', 'PENDING', 'IN PROGRESS', 'IN ERROR', 'WORKERS'],
    rows.map((row) => [
      `${row.namespace}/${row.workflow}`,
      row.version,
      counted(row.pending_tasks, row),
      counted(row.tasks_in_progress, row),
      counted(row.tasks_in_error, row),
      String(row.workers.length),
    ]),
    'no workflow is registered: a worker registers those that it runs (tasker worker --workflows <module>)',
  );
  const problems = rows.flatMap((row) =>
    problemsOf(row).map((problem) => `${row.namespace}/${row.workflow} ${row.version}: ${problem}`),
  );
  return problems.length === 0 ? list : `${list}\n\n${problems.join('\n')}`;
}

/** `5000+`: there are 5000, or more. */
const counted = (tasks: number, { complete }: WorkflowRow): string => (complete ? String(tasks) : `${tasks}+`);

function problemsOf(row: WorkflowRow): string[] {
  const waiting = row.pending_tasks + row.tasks_in_progress;
  if (row.problems.length > 0 || row.workers.length > 0 || waiting === 0) return row.problems;
  return [
    `no live worker serves it, and ${waiting === 1 ? '1 task waits' : `${waiting} tasks wait`}: export a definition of this version, or cancel the tasks`,
  ];
}
