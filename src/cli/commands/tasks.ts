import { Command } from 'commander';
import { type State, STATES } from '../../workflow/states.ts';
import { STATUS } from '../report-error.ts';
import { age, table } from '../table.ts';
import { wholeNumber } from '../whole-number.ts';
import { print, withClient, withJson } from '../with-client.ts';

/** `tasker tasks`: lists tasks, the newest first. */
export function tasksCommand(exit: (status: number) => void): Command {
  return withJson(new Command('tasks'))
    .description('list tasks, the newest first')
    .option('-s, --state <states...>', `only tasks in these states: ${STATES.join(', ')}`)
    .option('-n, --namespace <name>', 'only of this namespace')
    .option('-w, --workflow <name>', 'only of this workflow')
    .option('--schedule <key>', 'only those that this schedule submitted')
    .option('-l, --limit <n>', 'how many, at most 1000', '50')
    .option('--after <id>', 'only tasks below this id: the last of the page before')
    .action(
      async (options: {
        state?: string[];
        namespace?: string;
        workflow?: string;
        schedule?: string;
        limit: string;
        after?: string;
        json?: boolean;
      }) => {
        const rows = await withClient((client) =>
          client.listTasks({
            ...(options.state === undefined ? {} : { states: options.state as State[] }),
            ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
            ...(options.workflow === undefined ? {} : { workflow: options.workflow }),
            ...(options.schedule === undefined ? {} : { schedule: options.schedule }),
            ...(options.after === undefined ? {} : { after: options.after }),
            limit: wholeNumber('--limit', options.limit, 1, 1000),
          }),
        );
        print(rows, options.json, (list) =>
          table(
            ['TASK', 'WORKFLOW', 'VERSION', 'STATE', 'AGE'],
            list.map((task) => [
              task.task_id,
              `${task.namespace}/${task.workflow}`,
              task.version,
              task.state,
              age(task.requested_at),
            ]),
          ),
        );
        exit(STATUS.ok);
      },
    );
}
