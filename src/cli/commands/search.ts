import { Command } from 'commander';
import type { SearchProgressRow } from '../../db/reads/search-paths.ts';
import { workflowReference } from '../../client/workflow-reference.ts';
import { InvalidInputError } from '../../errors.ts';
import { type ActFlags, actOptions } from '../operator-command.ts';
import { STATUS } from '../report-error.ts';
import { table, toMinute } from '../table.ts';
import { print, withClient, withJson } from '../with-client.ts';

/** `tasker search enable|disable|list`: paths of inputs by which tasks are found at once. */
export function searchCommand(exit: (status: number) => void): Command {
  return new Command('search')
    .description('have tasks found at once by what their input has at a path')
    .addCommand(enableCommand(exit))
    .addCommand(disableCommand(exit))
    .addCommand(listCommand(exit));
}

const onPath = (command: Command): Command =>
  actOptions(withJson(command))
    .argument('<workflow>', '[namespace/]name: every version of it')
    .argument('<path>', 'as in a search: input.order, input.customer.name, input.lines[].sku');

function enableCommand(exit: (status: number) => void): Command {
  return onPath(new Command('enable'))
    .description('schedulers enter the values of all tasks, the newest first; submits do not pay for it')
    .action(async (reference: string, path: string, { json, ...action }: ActFlags) => {
      const of = workflowOf(reference);
      const done = await withClient((client) => client.search.enable(of, path, action));
      print(done, json, () => {
        if (done.outcome === 'not_found')
          return `no version of ${reference} is registered in namespace ${of.namespace ?? 'default'}: nothing is enabled (tasker workflows lists them)`;
        if (done.outcome === 'too_many')
          return `the ${done.of} has ${done.most} paths already, which is the most: disable one (tasker search list)`;
        if (done.outcome === 'enabled_before') return `${path} of ${reference} was enabled before`;
        return `${path} of ${done.namespace}/${done.workflow} is ${action.dryRun === true ? 'to be ' : ''}enabled: schedulers enter its tasks (tasker search list)`;
      });
      if (done.outcome === 'not_found') return exit(STATUS.notFound);
      exit(done.outcome === 'too_many' ? STATUS.refused : STATUS.ok);
    });
}

function disableCommand(exit: (status: number) => void): Command {
  return onPath(new Command('disable'))
    .description('searches look into the inputs again; what was entered is dropped within a day')
    .action(async (reference: string, path: string, { json, ...action }: ActFlags) => {
      const of = workflowOf(reference);
      const done = await withClient((client) => client.search.disable(of, path, action));
      print(done, json, () =>
        done.outcome === 'not_found'
          ? `${path} of ${reference} is not enabled (tasker search list)`
          : `${path} of ${done.namespace}/${done.workflow} is ${action.dryRun === true ? 'to be ' : ''}disabled`,
      );
      exit(done.outcome === 'not_found' ? STATUS.notFound : STATUS.ok);
    });
}

function listCommand(exit: (status: number) => void): Command {
  return withJson(new Command('list'))
    .description('show the paths that are enabled, and how far schedulers are with them')
    .action(async ({ json }: { json?: boolean }) => {
      const paths = await withClient((client) => client.search.list());
      print(paths, json, () => {
        return table(
          ['WORKFLOW', 'PATH', 'ENTERED', 'SINCE', 'BY'],
          paths.map((one) => [
            `${one.namespace}/${one.workflow}`,
            one.path,
            enteredText(one),
            toMinute(one.enabled_at),
            one.enabled_by,
          ]),
          'no path is enabled: tasker search enable <workflow> input.<path>',
        );
      });
      exit(STATUS.ok);
    });
}

const enteredText = ({ stretches, searched }: SearchProgressRow): string =>
  searched === stretches ? 'all' : `${Math.floor((100 * searched) / stretches)} %`;

function workflowOf(reference: string) {
  const { namespace, name, version } = workflowReference('workflow', reference);
  if (version !== undefined)
    throw new InvalidInputError(
      `workflow has the version ${version}: a path is enabled for every version, so leave it out`,
      {
        field: 'workflow',
      },
    );
  return { ...(namespace === undefined ? {} : { namespace }), workflow: name };
}
