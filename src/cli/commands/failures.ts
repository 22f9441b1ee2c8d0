import { Command } from 'commander';
import type { FailureGroup } from '../../db/reads/failures.ts';
import { askedFor } from '../asked-for.ts';
import { type FilterFlags, namesOf, namesOptions } from '../filter-options.ts';
import { STATUS } from '../report-error.ts';
import { age, table } from '../table.ts';
import { unknownWorkflow } from '../unknown-workflow.ts';
import { wholeNumber } from '../whole-number.ts';
import { print, withClient, withJson } from '../with-client.ts';

interface Options extends Pick<FilterFlags, 'namespace' | 'workflow'> {
  limit: string;
  json?: boolean;
}

/** Of a message in the table: what tells causes apart is at its beginning. */
const MAX_MESSAGE = 80;

/** `tasker failures`: what fails now, by cause. */
export function failuresCommand(exit: (status: number) => void): Command {
  return namesOptions(
    withJson(new Command('failures')).description(
      'group the steps that are blocked or wait for a retry by what they failed with, the largest group first',
    ),
  )
    .option('-l, --limit <n>', 'how many groups, at most 1000', '20')
    .action(async (options: Options) => {
      const limit = wholeNumber('--limit', options.limit, 1, 1000);
      const { namespace, name: workflow, version } = namesOf(options);
      const of = { namespace, workflow, version };
      const { unknown, ...failures } = await withClient(async (client) => {
        const found = await client.failures({ ...of, limit });
        return { ...found, unknown: found.groups.length === 0 ? await unknownWorkflow(client, of) : undefined };
      });
      const none = `${failures.complete ? 'nothing fails now' : 'nothing was found'}${askedFor({ ...options }, ['namespace', 'workflow'])}`;
      print(failures, options.json, ({ groups }) => drawGroups(groups, none));
      if (unknown !== undefined) console.error(unknown);
      if (!failures.complete) {
        console.error('tasker: more steps are in error than were read: the numbers are of the newest');
      }
      exit(STATUS.ok);
    });
}

function drawGroups(groups: readonly FailureGroup[], none: string): string {
  const list = table(
    ['FINGERPRINT', 'STEPS', 'BLOCKED', 'STEP', 'FIRST', 'LAST', 'SAMPLE', 'ERROR'],
    groups.map((group) => [
      group.fingerprint ?? '(none)',
      String(group.steps),
      String(group.blocked),
      `${group.namespace}/${group.workflow} ${group.step}`,
      age(group.first_seen),
      age(group.last_seen),
      group.sample_task_id,
      errorOf(group),
    ]),
    none,
  );
  const first = groups.find(({ fingerprint }) => fingerprint !== null)?.fingerprint;
  return first === undefined ? list : `${list}\n\ntasks of a group: tasker tasks --fingerprint ${String(first)}`;
}

function errorOf({ name, code, message }: FailureGroup): string {
  const line = (message ?? '').split('\n', 1)[0] ?? '';
  const short = line.length > MAX_MESSAGE ? `${line.slice(0, MAX_MESSAGE)}...` : line;
  return `${name ?? 'no error is recorded'}${code === null ? '' : ` (${code})`}${short === '' ? '' : `: ${short}`}`;
}
