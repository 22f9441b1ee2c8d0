import { Command } from 'commander';
import { drawTask } from '../../reads/text/draw-task.ts';
import { STATUS } from '../report-error.ts';
import { toMinute } from '../table.ts';
import { print, withClient, withJson } from '../with-client.ts';

/** `tasker archive show <task>`: a task in the archive, as `tasker task` shows one in the database. */
export function archiveShowCommand(exit: (status: number) => void): Command {
  return withJson(new Command('show'))
    .description('show one task in the archive, as tasker task shows one in the database')
    .argument('<task>')
    .option('--stack', 'also show the stacks of errors')
    .option('--results', 'also show the result of each step, in one line')
    .action(async (taskId: string, { json, ...of }: { stack?: boolean; results?: boolean; json?: boolean }) => {
      const { shown, alive } = await withClient(async (client) => {
        const found = await client.archive.show(taskId);
        return { shown: found, alive: found === undefined && (await client.getTask(taskId)) !== undefined };
      });
      if (shown === undefined) {
        console.error(
          alive
            ? `tasker: task ${taskId} is not in the archive but in the database: tasker task ${taskId}`
            : `tasker: there is no task ${taskId}, neither in the archive nor in the database`,
        );
        exit(STATUS.notFound);
        return;
      }
      const { task, record } = shown;
      const { archive_id: archiveId, object, stored_at: storedAt } = record;
      print({ ...task, archive: { archive_id: archiveId, object, stored_at: storedAt } }, json, () =>
        [drawTask(task, of), `  in the archive since ${toMinute(storedAt)}, in ${object}`].join('\n'),
      );
      exit(STATUS.ok);
    });
}
