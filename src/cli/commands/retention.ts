import { Command } from 'commander';
import type { DueTasks, RetentionReport } from '../../engine/retention-report.ts';
import type { KeepSource, WorkflowRetention } from '../../engine/retention-policy.ts';
import { KEPT_STATES } from '../../keep-policy.ts';
import { STATUS } from '../report-error.ts';
import { duration } from '../../reads/text/duration.ts';
import { table, toMinute } from '../table.ts';
import { print, withClient, withJson } from '../with-client.ts';

/** `tasker retention`: how long tasks are kept, what would go now, and what went. */
export function retentionCommand(exit: (status: number) => void): Command {
  return withJson(new Command('retention'))
    .description('show how long the tasks of each workflow are kept, and what retention has removed')
    .option('--dry-run', 'also what may go now; reads every task, seconds for each million')
    .action(async ({ dryRun = false, json }: { dryRun?: boolean; json?: boolean }) => {
      const report = await withClient((client) => client.retention({ preview: dryRun }));
      print(asWire(report), json, () => asText(report));
      exit(STATUS.ok);
    });
}

function asWire({ workflows, keep, keepSetAt, lagSeconds, holds, removed, due }: RetentionReport) {
  return {
    workflows,
    tasker_keep: keep,
    tasker_keep_set_at: keepSetAt?.toISOString() ?? null,
    lag_seconds: lagSeconds,
    holds,
    removed,
    ...(due === undefined
      ? {}
      : {
          due: due.map(({ oldestDueAt, ...tasks }) => ({ ...tasks, oldest_due_at: oldestDueAt.toISOString() })),
        }),
  };
}

function asText(report: RetentionReport): string {
  return [
    policies(report),
    ...(report.due === undefined ? [] : [dueText(report.due)]),
    removedText(report),
    about(report),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

const SOURCE: Readonly<Record<KeepSource, string>> = {
  setting: ' (TASKER_KEEP for it)',
  definition: ' (definition)',
  default: ' (TASKER_KEEP)',
  none: '',
};

function policies({ workflows }: RetentionReport): string {
  const cell = ({ keep }: WorkflowRetention, state: (typeof KEPT_STATES)[number]): string =>
    `${keep[state].time}${SOURCE[keep[state].source]}`;
  return table(
    ['WORKFLOW', ...KEPT_STATES.map((state) => state.toUpperCase())],
    workflows.map((one) => [`${one.namespace}/${one.workflow}`, ...KEPT_STATES.map((state) => cell(one, state))]),
    'no workflow is registered',
  );
}

function dueText(due: readonly DueTasks[]): string {
  const rows = due.map((row) => [
    `${row.namespace}/${row.workflow}`,
    row.state,
    String(row.tasks),
    String(row.held),
    toMinute(row.oldestDueAt),
  ]);
  return table(['MAY GO NOW', 'STATE', 'TASKS', 'HELD', 'SINCE'], rows, 'nothing may go now');
}

function removedText({ removed }: RetentionReport): string {
  if (removed.length === 0) return '';
  const rows = removed.map((row) => [
    `${row.namespace}/${row.workflow}`,
    row.state,
    String(row.tasks),
    String(row.steps),
    row.last_day,
  ]);
  return table(['REMOVED IN 30 DAYS', 'STATE', 'TASKS', 'STEPS', 'LAST'], rows, '');
}

function about({ keep, keepSetAt, lagSeconds, holds }: RetentionReport): string {
  const setting =
    keepSetAt === null
      ? 'no scheduler of this version has started: nothing is removed'
      : `TASKER_KEEP of the schedulers: ${keep === '' ? '(not set)' : keep}`;
  const late = lagSeconds > 60 ? `; behind by ${duration(lagSeconds)}` : '';
  return `${setting}${late}${holds === 0 ? '' : `; ${holds} legal ${holds === 1 ? 'hold' : 'holds'} (tasker hold list)`}`;
}
