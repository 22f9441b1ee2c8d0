import { InvalidInputError } from '../errors.ts';
import type { Logger, OwnLogger } from '../logger.ts';
import type { SettingsInCode } from '../process/settings-in-code.ts';
import { didYouMean } from '../workflow/did-you-mean.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';
import { preview } from '../workflow/preview.ts';

/** What runs in one program, and where. */
export interface TaskerOptions {
  /** What this program runs. Its worker serves the queues of all of their steps, unless `TASKER_QUEUES` or `settings.queues` names others. */
  workflows: WorkflowDefinition | readonly WorkflowDefinition[];
  /** `postgres://...`; default: `DATABASE_URL`. */
  url?: string | undefined;
  /**
   * Apply pending migrations first. Safe in several programs at once: one applies, the others wait. Default false: a schema that is
   * behind is a SchemaOutdatedError. An empty database has the tables of the first steps when the start resolves, and the others, such as
   * those of the audit, a moment later: verbs of clients wait for them, statements of your own do not.
   */
  migrate?: boolean;
  /** False: no scheduler in this program, because others of the fleet have one. Default true. */
  scheduler?: boolean;
  /** Make the stored schedules of these workflows those that they have in code, as `client.applySchedules`. Default false. */
  applySchedules?: boolean;
  /** Settings by their names in `Config`, such as `{ slots: 100, logLevel: 'info' }`; the others come from the environment. */
  settings?: SettingsInCode;
  /**
   * Where worker, scheduler and handlers log: what `createLogger` returns, or a logger of the program's own. Default: JSON lines on the
   * standard output from level `warn` on, or from the one that `TASKER_LOG_LEVEL` or `settings.logLevel` names.
   */
  log?: Logger | OwnLogger | undefined;
  /** Its abort stops everything, as `stop`. During the start, the start then rejects with the reason of the abort. */
  signal?: AbortSignal | undefined;
}

type Checks = { readonly [Name in keyof Required<TaskerOptions>]: (value: unknown) => string | undefined };

const boolean = (value: unknown): string | undefined => (typeof value === 'boolean' ? undefined : 'use true or false');
const CHECKS: Checks = {
  workflows: () => undefined,
  url: (value) => (typeof value === 'string' ? undefined : 'use a text, postgres://user:password@host:port/database'),
  migrate: boolean,
  scheduler: boolean,
  applySchedules: boolean,
  settings: (value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? undefined
      : 'use an object of settings, such as { slots: 100 }',
  log: (value) =>
    typeof (value as OwnLogger | null)?.warn === 'function' ? undefined : 'use a logger, such as createLogger returns',
  signal: (value) => (value instanceof AbortSignal ? undefined : 'use the signal of an AbortController'),
};

/** Throws InvalidInputError for what cannot be meant; returns the workflows. */
export function checkTaskerOptions(options: TaskerOptions): WorkflowDefinition[] {
  if (typeof options !== 'object' || options === null)
    throw refused('options', options, 'use an object, { workflows: [...] }');
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(CHECKS, name)) {
      throw new InvalidInputError(`there is no option "${name}"${didYouMean(name, Object.keys(CHECKS))}`, {
        field: name,
      });
    }
    const use = value === undefined ? undefined : CHECKS[name as keyof Checks](value);
    if (use !== undefined) throw refused(name, value, use);
  }
  const { workflows, url, settings } = options;
  // Only one of them could be used, and the other would be ignored silently.
  if (url !== undefined && settings?.databaseUrl !== undefined)
    throw refused('settings.databaseUrl', 'set beside url', 'leave one of them out');
  if (settings?.workflows !== undefined)
    throw refused('settings.workflows', settings.workflows, 'give the definitions in the option workflows');
  return checkedWorkflows(workflows);
}

function checkedWorkflows(workflows: TaskerOptions['workflows']): WorkflowDefinition[] {
  const given = [workflows].flat() as unknown[];
  for (const each of given) {
    // Reading the steps of a workflow checks it as a whole.
    if (!Array.isArray((each as WorkflowDefinition | null | undefined)?.steps))
      throw refused('workflows', each, 'use what defineWorkflow(...).step(...) returns, or a list of it');
  }
  if (given.length === 0) throw refused('workflows', given, 'name at least one, or use createClient alone');
  return given as WorkflowDefinition[];
}

function refused(field: string, value: unknown, use: string): InvalidInputError {
  return new InvalidInputError(`${field} is ${preview(value)}: ${use}`, { field });
}
