import { Command } from 'commander';
import type { FindArchivedOptions } from '../../client/archive-client.ts';
import type { ArchivedTaskRow } from '../../archive/find-tasks.ts';
import { InvalidInputError } from '../../errors.ts';
import { STATUS } from '../report-error.ts';
import { table, toMinute } from '../table.ts';
import { wholeNumber } from '../whole-number.ts';
import { print, withClient, withJson } from '../with-client.ts';

interface Options {
  tag?: string;
  key?: string;
  workflow?: string;
  limit: string;
  json?: boolean;
}

/** `tasker archive find --tag <tag> | --workflow <namespace/name> --key <key>`: tasks in the archive. */
export function archiveFindCommand(exit: (status: number) => void): Command {
  return withJson(new Command('find'))
    .description('find tasks in the archive by a tag, or by the key under which they were submitted')
    .option('--tag <tag>', 'tasks with this tag')
    .option('--key <key>', 'tasks of this key; needs --workflow')
    .option('-w, --workflow <namespace/name>', 'the workflow of the key')
    .option('--limit <n>', 'how many, at most 10,000', '100')
    .action(async (options: Options) => {
      const search = searchOf(options);
      const limit = wholeNumber('--limit', options.limit, 1, 10_000);
      const found = await withClient(async (client) => {
        const tasks: ArchivedTaskRow[] = [];
        for await (const task of client.archive.find(search)) if (tasks.push(task) === limit) break;
        return tasks;
      });
      print(found, options.json, drawTasks);
      exit(found.length === 0 ? STATUS.notFound : STATUS.ok);
    });
}

function searchOf({ tag, key, workflow }: Options): FindArchivedOptions {
  if (tag !== undefined && key === undefined && workflow === undefined) return { tag };
  const [name = '', namespace = 'default', ...more] = (workflow ?? '').split('/').toReversed();
  if (tag === undefined && key !== undefined && name !== '' && namespace !== '' && more.length === 0)
    return { namespace, workflow: name, key };
  throw new InvalidInputError(
    'tasker archive find needs either --tag, or --key with --workflow, such as -w shop/orders --key 4711',
    { field: '--tag' },
  );
}

function drawTasks(tasks: readonly ArchivedTaskRow[]): string {
  return table(
    ['ID', 'WORKFLOW', 'STATE', 'REQUESTED', 'ENDED', 'OBJECT', 'TAGS'],
    tasks.map((task) => [
      task.task_id,
      `${task.namespace}/${task.workflow}@${task.version}`,
      task.state,
      toMinute(task.requested_at),
      toMinute(task.ended_at),
      task.archive_id,
      (task.tags ?? []).join(' '),
    ]),
    'no such task in the archive',
  );
}
