import { Command } from 'commander';
import type { OperationItemRow } from '../../db/reads/operations.ts';
import type { OperationRow, OperationState } from '../../db/statements/operations/operations.ts';
import { STATUS } from '../report-error.ts';
import { askedFor } from '../asked-for.ts';
import { age, table } from '../table.ts';
import { wholeNumber } from '../whole-number.ts';
import { print, withClient, withJson } from '../with-client.ts';

/** With what is left. */
export const operationAsWire = (row: OperationRow): OperationRow & { waiting: number } => ({
  ...row,
  waiting: waitingOf(row),
});

export const waitingOf = ({ total, done, refused, failed }: OperationRow): number => total - done - refused - failed;

/** `tasker bulk list`. */
export function listCommand(exit: (status: number) => void): Command {
  return withJson(new Command('list'))
    .description('list bulk operations, the newest first')
    .option('-s, --state <states...>', 'only those that are preview, running, paused, stopped, done or aborted')
    .option('-l, --limit <n>', 'how many, at most 1000', '20')
    .option('--before <id>', 'only operations before this one: the next page')
    .action(async (options: { state?: OperationState[]; limit: string; before?: string; json?: boolean }) => {
      const { state, before, json } = options;
      const limit = wholeNumber('--limit', options.limit, 1, 1000);
      const rows = await withClient((client) =>
        client.operations.list({ limit, before, ...(state === undefined ? {} : { states: state }) }),
      );
      print(rows.map(operationAsWire), json, (list) =>
        drawList(list, `no operations${askedFor(options, ['state', 'before'])}`),
      );
      exit(STATUS.ok);
    });
}

const drawList = (rows: readonly (OperationRow & { waiting: number })[], none: string): string =>
  table(
    ['ID', 'ACTION', 'STATE', 'TASKS', 'DONE', 'REFUSED', 'CAME BACK', 'WAITING', 'AGE', 'BY', 'REASON'],
    rows.map((row) => [
      row.operation_id,
      row.action,
      row.state,
      String(row.total),
      String(row.done),
      String(row.refused + row.failed),
      String(row.came_back),
      String(row.waiting),
      age(row.created_at),
      row.by,
      row.reason ?? '',
    ]),
    none,
  );

/** `tasker bulk show <id>`: how far it is. Status 1 if it stopped by itself. */
export function showCommand(exit: (status: number) => void): Command {
  return withJson(new Command('show'))
    .description('show how far a bulk operation is; status 1 if it stopped by itself')
    .argument('<id>', 'the operation, as tasker bulk list shows it')
    .action(async (id: string, { json }: { json?: boolean }) => {
      const row = await withClient((client) => client.operations.get(id));
      if (row === undefined) {
        print({ outcome: 'not_found' }, json, () => `there is no operation ${id}`);
        return exit(STATUS.notFound);
      }
      print(operationAsWire(row), json, () => operationAsText(row));
      exit(row.state === 'stopped' ? STATUS.failed : STATUS.ok);
    });
}

export function operationAsText(row: OperationRow): string {
  const { operation_id: id, action, state, why, total, canary } = row;
  const lines = [
    `operation ${id}: ${action} of ${total} tasks, ${state}${why === null ? '' : ` (${why})`}`,
    `  by ${row.by}${row.reason === null ? '' : `: ${row.reason}`}`,
    `  ${row.done} done, ${row.refused} refused, ${row.failed} failed, ${waitingOf(row)} to come, ${row.pace_per_second} a second`,
    `  of those done, ${row.settled} are known to have gone on, ${row.came_back} of them failed again as before`,
  ];
  if (state === 'running' && !row.canary_passed)
    lines.push(`  its canary of ${canary} is not over; to go on regardless: tasker bulk resume ${id}`);
  if (state === 'stopped' || state === 'paused')
    lines.push(`  to go on: tasker bulk resume ${id}; to end it: tasker bulk abort ${id}`);
  return lines.join('\n');
}

/** `tasker bulk items <id>`: what came of each task. */
export function itemsCommand(exit: (status: number) => void): Command {
  return withJson(new Command('items'))
    .description('list what came of each task of a bulk operation, in the order in which they are acted on')
    .argument('<id>', 'the operation, as tasker bulk list shows it')
    .option('-s, --state <state>', 'only those that are waiting, done, refused or failed')
    .option('-l, --limit <n>', 'how many, at most 1000', '50')
    .option('--after <task id>', 'only tasks above this one: the next page')
    .action(
      async (
        id: string,
        options: { state?: OperationItemRow['state']; limit: string; after?: string; json?: boolean },
      ) => {
        const limit = wholeNumber('--limit', options.limit, 1, 1000);
        const { state, after } = options;
        const rows = await withClient((client) => client.operations.items(id, { state, after, limit }));
        print(rows, options.json, (list) =>
          drawItems(list, `operation ${id} has no tasks${askedFor(options, ['state', 'after'])}`),
        );
        exit(STATUS.ok);
      },
    );
}

const drawItems = (rows: readonly OperationItemRow[], none: string): string =>
  table(
    ['TASK', 'WAS', 'STATE', 'OUTCOME', 'DETAIL', 'WENT ON', 'IS'],
    rows.map((row) => [
      row.task_id,
      row.task_state,
      row.state,
      row.outcome ?? '',
      row.new_task_id === null ? (row.detail ?? '') : `task ${row.new_task_id}`,
      row.settled ?? '',
      row.state_now ?? 'removed',
    ]),
    none,
  );
