import { CATALOGUE } from '../config/catalogue.ts';
import type { Config, SettingName } from '../config/config.ts';
import { loadConfig } from '../config/load-config.ts';
import { settingTexts } from '../process/settings-in-code.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';
import type { TaskerOptions } from './tasker-options.ts';

/** Of each pool. Three of them are in one program, which may be one of many that share a server. */
const POOL_SIZE = '4';

/** The settings of all parts: from the options, then from the environment. Throws one ConfigError with every problem. */
export function taskerConfig(
  { url, settings = {} }: TaskerOptions,
  workflows: readonly WorkflowDefinition[],
): { worker: Config; scheduler: Config } {
  const given = { ...settingTexts(settings), ...(url === undefined ? {} : { databaseUrl: url }) };
  const queues = [...new Set(workflows.flatMap(({ steps }) => steps.map(({ queue }) => queue)))].join(',');
  // In place of the catalogue's, which are for a process of one role under an operator's eyes.
  const defaults: Partial<Record<SettingName, string>> = { poolSize: POOL_SIZE, logLevel: 'warn' };
  // A queue that nobody serves would hold up its tasks without an error.
  if (queues !== '') defaults.queues = queues;
  const unset = Object.entries(defaults).filter(([name]) => isUnset(name as SettingName));
  const overrides = { ...Object.fromEntries(unset), ...given };
  return {
    worker: loadConfig('worker', process.env, overrides),
    scheduler: loadConfig('scheduler', process.env, overrides),
  };
}

const isUnset = (name: SettingName): boolean => (process.env[CATALOGUE[name].env] ?? '').trim() === '';
