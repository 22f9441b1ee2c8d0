import type { Command } from 'commander';
import { ConfigError } from '../../errors.ts';
import { type ApiClient, createApiClient } from '../../http/api-client.ts';

/** The API that the command of this process works through; undefined: the database. */
let target: ApiClient | undefined;

export const apiTarget = (): ApiClient | undefined => target;

/** Commands for which the API has a route, by their names in the command line. */
const WITH_A_ROUTE = new Set([
  'tasks',
  'task',
  'explain',
  'submit',
  'workers',
  'doctor',
  'queues',
  'workflows',
  'failures',
  'stats',
  'retry',
  'cancel',
  'rerun',
  'resolve',
  'release',
  'pause',
  'resume',
  'pauses',
  'retention',
  'workflow',
  'archive list',
  'archive find',
  'archive show',
  'archive restore',
  'archive verify',
  'purge',
  'record',
  'bulk retry',
  'bulk cancel',
  'bulk resolve',
  'bulk rerun',
  'bulk start',
  'bulk pause',
  'bulk resume',
  'bulk abort',
  'bulk list',
  'bulk show',
  'bulk items',
  'bulk wait',
  'audit list',
  'audit export',
  'audit verify',
  'api-keys create',
  'api-keys list',
  'api-keys revoke',
  'sign-ins list',
  'sign-ins end',
  'hold add',
  'hold list',
  'hold remove',
  'search enable',
  'search disable',
  'search list',
  'schedule add',
  'schedule list',
  'schedule pause',
  'schedule resume',
  'schedule remove',
  'schedule trigger',
]);

/** Adds `--api` to the commands that have a route, and chooses before each command whether it works through the API. */
export function offerApi(program: Command): void {
  program.hook('preAction', (_program, command) => {
    const url = WITH_A_ROUTE.has(nameOf(command, program)) ? apiUrl(command.opts<{ api?: string }>().api) : undefined;
    target = url === undefined ? undefined : createApiClient({ url, key: apiKey() });
  });
  const visit = (command: Command): void => {
    if (WITH_A_ROUTE.has(nameOf(command, program)))
      command.option(
        '--api <url>',
        'through this HTTP API, with TASKER_API_KEY; default TASKER_API_URL, or else the database',
      );
    for (const child of command.commands) visit(child);
  };
  visit(program);
}

function nameOf(command: Command, program: Command): string {
  const { parent } = command;
  return parent === null || parent === program ? command.name() : `${parent.name()} ${command.name()}`;
}

/** The API that `--api` or else TASKER_API_URL names; undefined: none, the database is used. Throws ConfigError for what is no URL. */
export function apiUrl(option: string | undefined): string | undefined {
  const url = option ?? process.env['TASKER_API_URL'];
  if (url === undefined || url === '') return undefined;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new ConfigError(`--api (TASKER_API_URL) is ${JSON.stringify(url)}: use the URL of a tasker api, http://...`);
  }
  return url;
}

/** The key for it. */
export const apiKey = (): string | undefined => process.env['TASKER_API_KEY'] || undefined;
