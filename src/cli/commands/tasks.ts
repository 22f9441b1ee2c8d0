import { Command } from 'commander';
import type { Client } from '../../client/client.ts';
import type { TaskPage } from '../../client/task-list-client.ts';
import { askedFor } from '../asked-for.ts';
import { FILTER_FLAGS, type FilterFlags, filterOf, filterOptions } from '../filter-options.ts';
import { noteSource } from '../note-source.ts';
import { STATUS } from '../report-error.ts';
import { age, table } from '../table.ts';
import { wholeNumber } from '../whole-number.ts';
import { unknownWorkflow } from '../unknown-workflow.ts';
import { print, withClient, withJson } from '../with-client.ts';

interface Options extends FilterFlags {
  limit: string;
  after?: string;
  cursor?: string;
  page?: boolean;
  count?: boolean;
  json?: boolean;
}

/** How long a list goes on by itself while its filter excludes nearly everything. */
const PATIENCE_MS = 5000;

/** `tasker tasks`: lists tasks, the newest first. */
export function tasksCommand(exit: (status: number) => void): Command {
  return filterOptions(withJson(new Command('tasks')).description('list tasks, the newest first'))
    .option('-l, --limit <n>', 'how many, at most 1000', '50')
    .option('--after <id>', 'only tasks below this id: the last of the page before')
    .option('--cursor <cursor>', 'the next page of an earlier call, with its filters')
    .option('--page', 'with --json: an object with the tasks, the next cursor, and how far back the list was read')
    .option('--count', 'how many there are, up to 10,000 and as far as 200 ms go, instead of the list')
    .action(async (options: Options) => {
      if (options.count === true) {
        const counted = await withClient((client) => client.countTasks(filterOf(options)));
        print(counted, options.json, ({ tasks, exact }) => `${tasks}${exact ? '' : ' or more'}`);
        return exit(STATUS.ok);
      }
      const { page, source, unknown } = await withClient(async (client) => {
        const found = await readPage(client, options);
        const from = client.reports.lastSource;
        return {
          page: found,
          source: from,
          unknown:
            found.tasks.length === 0 && options.cursor === undefined
              ? await unknownWorkflow(client, filterOf(options))
              : undefined,
        };
      });
      print(options.page === true ? pageAsJson(page) : page.tasks, options.json, () =>
        drawTasks(page, noneOf(page, options)),
      );
      noteSource(source);
      for (const line of whatFollows(page)) console.error(line);
      if (unknown !== undefined) console.error(unknown);
      exit(STATUS.ok);
    });
}

async function readPage(client: Client, options: Options): Promise<TaskPage> {
  const limit = wholeNumber('--limit', options.limit, 1, 1000);
  const filter = filterOf(options);
  const until = performance.now() + PATIENCE_MS;
  const tasks: TaskPage['tasks'] = [];
  for (let { after, cursor } = options; ; after = undefined) {
    const page = await client.taskPage({ ...filter, after, cursor, limit: limit - tasks.length });
    tasks.push(...page.tasks);
    if (page.complete || tasks.length === limit || performance.now() > until) return { ...page, tasks };
    cursor = page.nextCursor;
  }
}

const pageAsJson = ({ tasks, nextCursor, complete, scannedTo, asOf, searchPath }: TaskPage) => ({
  tasks,
  next_cursor: nextCursor ?? null,
  complete,
  scanned_to: scannedTo ?? null,
  as_of: asOf,
  search_path: searchPath ?? null,
});

function noneOf({ complete }: TaskPage, options: Options): string {
  if (options.cursor !== undefined || options.after !== undefined) return 'no further task';
  const asked = askedFor({ ...options }, FILTER_FLAGS);
  if (asked === '') return 'no task yet: tasker submit makes one';
  return `no task${complete ? '' : ' so far'}${asked}`;
}

function drawTasks({ tasks }: TaskPage, none: string): string {
  return table(
    ['TASK', 'WORKFLOW', 'VERSION', 'STATE', 'AGE'],
    tasks.map((task) => [
      task.task_id,
      `${task.namespace}/${task.workflow}`,
      task.version,
      task.state,
      age(task.requested_at),
    ]),
    none,
  );
}

/** On standard error, so that what reads the list reads only tasks. */
function whatFollows({ nextCursor, complete, scannedTo }: TaskPage): string[] {
  if (nextCursor === undefined) return [];
  const how = `tasker tasks --cursor ${nextCursor}`;
  if (complete) return [`more: ${how}`];
  return [`tasker: looked back to ${scannedTo?.toISOString() ?? 'the beginning'} so far; to go on: ${how}`];
}
