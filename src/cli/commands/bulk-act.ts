import { Command } from 'commander';
import type { NewOperation } from '../../client/new-operation.ts';
import type { PreviewedOperation } from '../../client/operations.ts';
import type { OperationAction, OperationRow } from '../../db/statements/operations/operations.ts';
import { ConfigError, InvalidInputError } from '../../errors.ts';
import { MAX_RETRY_LIMIT } from '../../workflow/step-options.ts';
import { type FilterFlags, filterOf, filterOptions } from '../filter-options.ts';
import { parseJsonArgument } from '../json-argument.ts';
import { actOptions, type ActFlags } from '../operator-command.ts';
import { STATUS } from '../report-error.ts';
import { wholeNumber } from '../whole-number.ts';
import { print, withClient, withJson } from '../with-client.ts';
import { operationAsText, operationAsWire } from './bulk-show.ts';
import { statusOf, waitForOperation, waitOption } from './bulk-wait.ts';

interface Flags extends ActFlags, FilterFlags {
  task?: string[];
  attempts?: string;
  step?: string;
  result?: string;
  from?: string[];
  pace: string;
  canary: string;
  stopShare?: string;
  wait?: boolean;
}

/** What came of a command. `ended`: it was waited for. */
interface Run {
  previewed: PreviewedOperation | undefined;
  started?: OperationRow | undefined;
  ended?: OperationRow | undefined;
}

const DESCRIPTIONS: Readonly<Record<OperationAction, string>> = {
  retry: 'run the steps in error of many tasks again',
  cancel: 'end many tasks that have not ended',
  resolve: 'declare many tasks in error, or one step of each, done by hand',
  rerun: 'make a new task from each of many that have ended or are in error',
};

/** `tasker bulk retry|cancel|resolve|rerun`. */
export const bulkActCommands = (exit: (status: number) => void): Command[] =>
  (['retry', 'cancel', 'resolve', 'rerun'] as const).map((action) => bulkActCommand(action, exit));

function bulkActCommand(action: OperationAction, exit: (status: number) => void): Command {
  const command = filterOptions(withJson(new Command(action)).description(`${DESCRIPTIONS[action]}; status 3: none`))
    .option('--task <ids...>', 'these tasks, instead of a filter')
    .option('--pace <tasks>', 'tasks a second, 0.01 to 1000', '50')
    .option('--canary <tasks>', 'this many tasks first, or a share such as 1%, until it is known how they went on', '0')
    .option(
      '--stop-share <share>',
      'stop when this share of them failed again as before, such as 20%, or never (default: 20% of a retry and a rerun)',
    );
  if (action === 'retry') command.option('--attempts <n>', 'grant at least this many further attempts, 1 to 1000', '1');
  if (action === 'resolve')
    command
      .option('--step <name>', 'this step of each, instead of the whole task')
      .option('--result <json>', 'what the children of that step see as its result (default: null)');
  if (action === 'rerun')
    command.option('--from <steps...>', 'begin with these steps, and take over the results of the others');
  return waitOption(actOptions(command)).action(async (flags: Flags) => {
    const { json, dryRun = false, by, reason, wait = false } = flags;
    const request = requestOf(action, flags);
    const { previewed, started, ended } = await withClient(async (client): Promise<Run> => {
      const chosen = await client.operations.preview(request);
      if (chosen === undefined || dryRun) return { previewed: chosen };
      const outcome = await client.operations.start(chosen.token, { by, reason });
      const operation = 'operation' in outcome ? outcome.operation : undefined;
      if (!wait || operation === undefined) return { previewed: chosen, started: operation };
      if (json !== true) console.log([...linesOf(chosen), howToFollow(operation)].join('\n'));
      return { previewed: chosen, ended: await waitForOperation(client, operation.operation_id) };
    });
    if (previewed === undefined) {
      print({ outcome: 'empty' }, json, () => 'there are no such tasks');
      return exit(STATUS.notFound);
    }
    const { token, missing } = previewed;
    if (ended !== undefined) {
      print({ ...operationAsWire(ended), missing }, json, () => operationAsText(ended));
      return exit(statusOf(ended));
    }
    const operation = started ?? previewed.operation;
    print({ ...operationAsWire(operation), missing, ...(dryRun ? { token } : {}) }, json, () =>
      [...linesOf(previewed), dryRun ? howToStart(token) : howToFollow(operation)].join('\n'),
    );
    exit(STATUS.ok);
  });
}

function requestOf(action: OperationAction, flags: Flags): NewOperation {
  const { task, attempts, step, result, from, pace, canary, stopShare, by, reason } = flags;
  const filter = filterOf(flags);
  const conditions = Object.values(filter).filter((value) => value !== undefined);
  if ((task === undefined) === (conditions.length === 0))
    throw new ConfigError(`tasker bulk ${action} needs either a filter or --task: give one of the two`);
  return {
    action,
    ...(task === undefined ? { filter } : { taskIds: task }),
    by,
    ...(reason === undefined ? {} : { reason }),
    ...(attempts === undefined ? {} : { attempts: wholeNumber('--attempts', attempts, 1, MAX_RETRY_LIMIT) }),
    ...(step === undefined ? {} : { step }),
    ...(result === undefined ? {} : { result: parseJsonArgument(result, '--result', '--result') }),
    ...(from === undefined ? {} : { from }),
    pacePerSecond: decimal('--pace', pace),
    canary: canary.endsWith('%') ? canary : wholeNumber('--canary', canary, 0, 100_000),
    ...(stopShare === undefined ? {} : { stopShare: shareOf(stopShare) }),
  };
}

function decimal(option: string, text: string): number {
  if (/^\d{1,6}(\.\d{1,6})?$/.test(text)) return Number(text);
  throw new InvalidInputError(`${option} is ${JSON.stringify(text)}: give a number`, { field: option });
}

/** `20%` or `0.2`; null for `never`. */
function shareOf(text: string): number | null {
  if (text === 'never') return null;
  const percent = text.endsWith('%');
  return decimal('--stop-share', percent ? text.slice(0, -1) : text) / (percent ? 100 : 1);
}

const WORKFLOWS_SHOWN = 10;

function linesOf({ operation, missing }: PreviewedOperation): string[] {
  const { action, preview, total } = operation;
  const allowed = preview.allowed[action] ?? 0;
  const named = preview.workflows.slice(0, WORKFLOWS_SHOWN);
  const lines = [
    `operation ${operation.operation_id}: ${action} of ${total} tasks (${counted(preview.states)})`,
    ...named.map(({ namespace, workflow, tasks }) => `  ${namespace}/${workflow}: ${tasks}`),
    ...preview.fingerprints.slice(0, 5).map(({ fingerprint, tasks }) => `  failed with ${fingerprint}: ${tasks}`),
  ];
  const others = preview.workflows.length - named.length;
  if (others > 0) lines.push(`  and ${others} more workflows`);
  if (operation.options.step === undefined && allowed < total)
    lines.push(`  ${total - allowed} of them would refuse it now, and will be left as they are`);
  if (missing.length > 0) lines.push(`  there is no task ${missing.join(', ')}`);
  return lines;
}

const counted = (states: Readonly<Record<string, number>>): string =>
  Object.entries(states)
    .map(([state, tasks]) => `${tasks} ${state}`)
    .join(', ');

const howToStart = (token: string): string =>
  `nothing was changed. To act on exactly these tasks, within an hour: tasker bulk start ${token}`;

const howToFollow = ({ operation_id: id, canary, pace_per_second: pace }: OperationRow): string =>
  `started, ${pace} tasks a second${canary > 0 ? `, ${canary} of them first` : ''}: tasker bulk show ${id}`;
