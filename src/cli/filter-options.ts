import type { Command } from 'commander';
import { workflowReference } from '../client/workflow-reference.ts';
import { InvalidInputError } from '../errors.ts';
import { parseSearch } from '../reads/search/parse-search.ts';
import type { TaskFilter } from '../reads/task-filter.ts';
import { type State, STATES } from '../workflow/states.ts';
import { apiTarget } from './remote/target.ts';
import { TIME_ARGUMENT, timeOf } from './time-option.ts';

/** Of every command that chooses tasks by the filter of a list. */
export interface FilterFlags {
  state?: string[];
  namespace?: string;
  workflow?: string;
  key?: string;
  tag?: string[];
  initiator?: string;
  rerunOf?: string;
  schedule?: string;
  error?: string;
  fingerprint?: string;
  since?: string;
  before?: string;
  q?: string;
}

/** Their names, in the order in which they are shown. */
export const FILTER_FLAGS = [
  'state',
  'namespace',
  'workflow',
  'key',
  'tag',
  'initiator',
  'rerunOf',
  'schedule',
  'error',
  'fingerprint',
  'since',
  'before',
  'q',
];

/** Adds those that say of which workflow something is. */
export const namesOptions = (command: Command): Command =>
  command
    .option('-n, --namespace <name>', 'only of this namespace')
    .option('-w, --workflow <workflow>', 'only of this workflow: [namespace/]name[@version]');

/** Adds the filters of a list of tasks. */
export function filterOptions(command: Command): Command {
  return namesOptions(command.option('-s, --state <states...>', `only tasks in these states: ${STATES.join(', ')}`))
    .option('--key <key>', 'only those that were submitted with this key; needs --workflow')
    .option('--tag <tags...>', 'only those that have all of these tags')
    .option('--initiator <name>', 'only those of this initiator')
    .option('--rerun-of <task>', 'only those that reruns have made of this task')
    .option('--schedule <key>', 'only those that this schedule submitted')
    .option('--error <text>', 'only those with a step in error now, whose error (name, code, message) has this text')
    .option('--fingerprint <fingerprint>', 'only those with a step in error now of this group of tasker failures')
    .option('--since <time>', `only those requested since then: ${TIME_ARGUMENT}`)
    .option('--before <time>', 'only those requested before then')
    .option('-q, --q <search>', 'a search: state:error input.order:"10248" error:"ECONNRESET" age:>1h attempts:>=3');
}

export function filterOf(options: FilterFlags): TaskFilter {
  const { namespace, name, version } = namesOf(options);
  const named: TaskFilter = {
    states: options.state as State[] | undefined,
    namespace,
    workflow: name,
    version,
    key: options.key,
    tags: options.tag,
    initiator: options.initiator,
    rerunOf: options.rerunOf,
    schedule: options.schedule,
    error: options.error,
    fingerprint: options.fingerprint,
    requestedSince: options.since === undefined ? undefined : timeOf('--since', options.since),
    requestedBefore: options.before === undefined ? undefined : timeOf('--before', options.before),
  };
  if (options.q === undefined) return named;
  const searched = parseSearch(options.q);
  const twice = Object.keys(searched).find((field) => named[field as keyof TaskFilter] !== undefined);
  if (twice !== undefined) {
    throw new InvalidInputError(`--q has a term for ${twice}, which is an option as well: give one of them`, {
      field: '--q',
    });
  }
  // The API reads it by itself.
  return apiTarget() === undefined ? { ...named, ...searched } : ({ ...named, q: options.q } as TaskFilter);
}

/** The names that `--namespace` and `--workflow` give. */
export function namesOf({
  namespace,
  workflow,
}: Pick<FilterFlags, 'namespace' | 'workflow'>): Record<'namespace' | 'name' | 'version', string | undefined> {
  if (workflow === undefined) return { namespace, name: undefined, version: undefined };
  const { namespace: within, name, version } = workflowReference('--workflow', workflow);
  if (within !== undefined && namespace !== undefined && within !== namespace) {
    throw new InvalidInputError(
      `--workflow is of the namespace ${within}, and --namespace is ${namespace}: name one of them`,
      { field: '--workflow' },
    );
  }
  return { namespace: within ?? namespace, name, version };
}
