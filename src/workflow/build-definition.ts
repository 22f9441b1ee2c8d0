import { WorkflowDefinitionError } from '../errors.ts';
import { type Dag, analyzeDag, findDagProblems } from './analyze-dag.ts';
import { ANY_JSON, type AnyJson } from './any-json.ts';
import type {
  IdentityStrategy,
  StepDefaults,
  StepHandler,
  StepOptions,
  StepTemplate,
  WorkflowDefinition,
} from './definition.ts';
import { didYouMean } from './did-you-mean.ts';
import type { Json } from './json.ts';
import { nameProblem, versionProblem } from './names.ts';
import { findUsesProblems } from './uses.ts';
import { preview } from './preview.ts';
import { keepProblems, type KeepPolicy } from '../keep-policy.ts';
import { reuseAfterProblem, type ReuseOptions, reuseProblem } from './reuse.ts';
import type { WorkflowSchedule } from './schedule-options.ts';
import { findScheduleProblems } from './schedule-problems.ts';
import type { StandardSchema } from './standard-schema.ts';
import { descriptionProblem, findOptionProblems, isRecord, optionProblemText, resolveOptions } from './step-options.ts';
import { storableText } from './storable-text.ts';

export const DEFAULT_NAMESPACE = 'default';
export const DEFAULT_VERSION = '0.1.0';
const IDENTITIES: readonly IdentityStrategy[] = ['unique', 'content_hash', 'caller_key'];

/** What a workflow is, apart from its steps. */
export interface WorkflowOptions<Schema extends StandardSchema = StandardSchema> extends ReuseOptions {
  /** Default `default`. */
  namespace?: string;
  name: string;
  /** x.y.z; default 0.1.0. */
  version?: string;
  description?: string;
  /** The schema of the input: a zod schema or any other Standard Schema. Without one the input is any JSON, and nothing is checked. */
  input?: Schema;
  /** Default `unique`. */
  identity?: IdentityStrategy;
  /**
   * How long tasks are kept after their end, by state: `{ complete: '30d', cancelled: '7d', error: 'forever' }`. The newest version of a
   * workflow decides for the tasks of all versions. Default: the fleet's TASKER_KEEP, without it for ever.
   */
  keep?: KeepPolicy;
  /** Options of every step that does not set its own. */
  defaults?: StepDefaults;
}

/** One step of a definition that a program makes. */
export interface StepInput {
  readonly name: string;
  readonly options?: StepOptions | undefined;
  readonly handler: StepHandler;
  readonly handlerConfig?: Json | undefined;
}

/** A problem of a definition: of the step with that name, or of the workflow itself. */
export interface DefinitionProblem {
  readonly step?: string;
  readonly message: string;
  readonly cycle?: readonly string[];
}

const MAX_PROBLEMS_SHOWN = 50;
const WORKFLOW_OPTIONS = [
  'namespace',
  'name',
  'version',
  'description',
  'input',
  'identity',
  'reuse',
  'reuseAfterSeconds',
  'keep',
  'defaults',
];

/**
 * Makes a definition from a list of steps, in any order: for definitions made by a program (`defineWorkflow` is the typed
 * way). Checks everything and throws one WorkflowDefinitionError with all problems.
 */
export function buildDefinition<Schema extends StandardSchema = AnyJson>(
  options: WorkflowOptions<Schema>,
  steps: readonly StepInput[],
  schedules: readonly WorkflowSchedule[] = [],
): WorkflowDefinition<Schema> {
  if (!Array.isArray(steps))
    throwProblems(options, [{ message: `the steps, the second argument, are ${preview(steps)}: give a list` }]);
  const ofSchedules = schedules.flatMap((schedule, index) => findScheduleProblems(schedule, schedules.slice(0, index)));
  throwProblems(options, [
    ...findWorkflowProblems(options),
    ...steps.flatMap(findStepProblems),
    ...ofSchedules.map((message) => ({ message })),
  ]);
  const nodes = steps.map((step) => ({ name: step.name, dependsOn: step.options?.dependsOn ?? [] }));
  throwProblems(
    options,
    findDagProblems(nodes).map(({ node, ...rest }) => ({ ...rest, ...(node === undefined ? {} : { step: node }) })),
  );
  const dag = analyzeDag(nodes);
  throwProblems(options, findUsesProblems(steps, dag));
  return Object.freeze({
    namespace: options.namespace ?? DEFAULT_NAMESPACE,
    name: options.name,
    version: options.version ?? DEFAULT_VERSION,
    description: options.description,
    // The default of the type parameter is what is there without a schema.
    inputSchema: options.input ?? (ANY_JSON as unknown as Schema),
    identity: options.identity ?? 'unique',
    ...(options.reuse === undefined ? {} : { reuse: options.reuse }),
    ...(options.reuseAfterSeconds === undefined ? {} : { reuseAfterSeconds: options.reuseAfterSeconds }),
    ...(options.keep === undefined ? {} : { keep: Object.freeze({ ...options.keep }) }),
    steps: Object.freeze(toTemplates(steps, dag, options.defaults ?? {})),
    schedules: Object.freeze([...schedules]),
  });
}

function toTemplates(steps: readonly StepInput[], dag: Dag, defaults: StepDefaults): StepTemplate[] {
  const byName = new Map(steps.map((step) => [step.name, step]));
  const ordinals = new Map(dag.order.map((name, index) => [name, index + 1]));
  const ordinalsOf = (names: readonly string[] = []) =>
    Object.freeze(names.map((name) => ordinals.get(name) as number).sort((a, b) => a - b));
  return dag.order.map((name, index) => {
    const step = byName.get(name) as StepInput;
    return Object.freeze({
      name,
      ordinal: index + 1,
      dependsOn: Object.freeze([...(step.options?.dependsOn ?? [])]),
      ...(step.options?.uses === undefined || step.options.uses.length === 0
        ? {}
        : { uses: Object.freeze([...step.options.uses]) }),
      parentOrdinals: ordinalsOf(dag.parents.get(name)),
      childOrdinals: ordinalsOf(dag.children.get(name)),
      ...resolveOptions(step.options ?? {}, defaults),
      handlerConfig: step.handlerConfig,
      handler: step.handler,
    });
  });
}

/** The problems of a workflow's own options, without its steps. */
export function findWorkflowProblems(options: unknown): DefinitionProblem[] {
  if (!isRecord(options)) return [{ message: `the options are ${preview(options)}: they are an object` }];
  const messages = Object.keys(options)
    .filter((key) => !WORKFLOW_OPTIONS.includes(key))
    .map((key) => `unknown option "${storableText(key, 64)}"${didYouMean(key, WORKFLOW_OPTIONS)}`);
  const add = (value: unknown, check: (value: unknown) => string | undefined, field = '') => {
    const problem = value === undefined ? undefined : check(value);
    if (problem !== undefined) messages.push(`${field}${problem}`);
  };
  if (options['name'] === undefined) messages.push('the name is missing');
  add(options['name'], nameProblem);
  add(options['namespace'], nameProblem, 'namespace: ');
  add(options['version'], versionProblem);
  add(options['description'], descriptionProblem, 'description ');
  add(options['identity'], (value) =>
    IDENTITIES.includes(value as IdentityStrategy)
      ? undefined
      : `identity is ${preview(value)}: it is one of ${IDENTITIES.join(', ')}${typeof value === 'string' ? didYouMean(value, IDENTITIES) : ''}`,
  );
  add(options['reuse'], reuseProblem, 'reuse ');
  add(options['reuseAfterSeconds'], reuseAfterProblem, 'reuseAfterSeconds ');
  if (options['keep'] !== undefined) messages.push(...keepProblems(options['keep']).map((problem) => `keep${problem}`));
  messages.push(...reuseWithoutEffect(options));
  // One that is there but undefined is a mistake, such as two modules that import each other.
  if (Object.hasOwn(options, 'input') && !isStandardSchema(options['input'])) {
    messages.push(`input is ${preview(options['input'])}: it is a schema, such as z.object({ ... })`);
  }
  if (options['defaults'] !== undefined) {
    messages.push(
      ...findOptionProblems(options['defaults'], 'defaults').map(
        (problem) => `defaults: ${optionProblemText(problem)}`,
      ),
    );
  }
  return messages.map((message) => ({ message }));
}

/** Options that would protect nothing, or change nothing. */
function reuseWithoutEffect({
  identity = 'unique',
  reuse = 'never',
  reuseAfterSeconds,
}: Record<string, unknown>): string[] {
  if (reuse === 'never') {
    return reuseAfterSeconds === undefined
      ? []
      : ['reuseAfterSeconds is set without reuse: set reuse to afterFailure or afterEnd'];
  }
  return identity === 'unique'
    ? [
        'reuse is set, but with the identity "unique" no two submits have the same identity: set identity to caller_key or content_hash',
      ]
    : [];
}

/** The problems of one step, without the others. */
export function findStepProblems(step: StepInput): DefinitionProblem[] {
  const messages = [
    nameProblem(step.name),
    ...(step.options === undefined ? [] : findOptionProblems(step.options, 'step').map(optionProblemText)),
    typeof step.handler === 'function' ? undefined : `there is no handler: ${preview(step.handler)} is not a function`,
  ];
  const label = typeof step.name === 'string' ? storableText(step.name, 128) : preview(step.name);
  return messages.filter((message) => message !== undefined).map((message) => ({ step: label, message }));
}

/** Throws one error for all problems; does nothing if there are none. */
export function throwProblems(
  workflow: { namespace?: unknown; name?: unknown; version?: unknown } | null | undefined,
  problems: readonly DefinitionProblem[],
): void {
  if (problems.length === 0) return;
  const label = workflowLabel(workflow);
  const lines = problems.map(({ step, message }) => (step === undefined ? message : joined(`step "${step}"`, message)));
  const shown = lines.slice(0, MAX_PROBLEMS_SHOWN);
  if (lines.length > shown.length) shown.push(`... and ${lines.length - shown.length} more`);
  const text =
    lines.length === 1
      ? joined(label, lines[0] as string)
      : `${label}:${shown.map((line) => `\n  - ${line}`).join('')}`;
  throw new WorkflowDefinitionError(text, { problems });
}

/** "depends on itself" continues the step's name; a message that begins with a field is separated by a colon. */
function joined(subject: string, message: string): string {
  return `${subject}${/^(depends|names|is|has) /.test(message) ? '' : ':'} ${message}`;
}

/** `workflow shop/order_fulfillment 1.0.0`, as far as the options are readable. */
export function workflowLabel(
  workflow: { namespace?: unknown; name?: unknown; version?: unknown } | null | undefined,
): string {
  const namespace = textOr(workflow?.namespace, DEFAULT_NAMESPACE);
  return `workflow ${namespace}/${textOr(workflow?.name, '(no name)')} ${textOr(workflow?.version, DEFAULT_VERSION)}`;
}

function textOr(value: unknown, fallback: string): string {
  return typeof value === 'string' ? storableText(value, 128) : fallback;
}

function isStandardSchema(value: unknown): value is StandardSchema {
  // Some libraries' schemas are functions.
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  const standard = (value as { '~standard'?: unknown })['~standard'];
  return isRecord(standard) && standard['version'] === 1 && typeof standard['validate'] === 'function';
}
