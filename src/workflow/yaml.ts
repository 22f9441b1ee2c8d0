import { z } from 'zod';
import { findDagProblems } from './analyze-dag.ts';
import { type StepInput, buildDefinition, findWorkflowProblems } from './build-definition.ts';
import type { IdentityStrategy, StepContext, StepHandler, StepOptions, WorkflowDefinition } from './definition.ts';
import { keepProblems, type KeepPolicy } from '../keep-policy.ts';
import { didYouMean } from './did-you-mean.ts';
import type { Json, JsonObject } from './json.ts';
import { fromJsonSchema } from './json-schema.ts';
import { nameProblem, versionProblem } from './names.ts';
import { preview } from './preview.ts';
import { reuseAfterProblem, reuseProblem, type ReuseRule } from './reuse.ts';
import type { StandardSchema } from './standard-schema.ts';
import { descriptionProblem, findOptionProblems, isRecord } from './step-options.ts';
import { YamlDocument, type YamlPath } from './yaml-document.ts';
import { toSchedules } from './yaml-schedules.ts';
import { withLegalNames } from './yaml-names.ts';
import { FIELD_OF_OPTION, readFields, type YamlStep, type YamlStepOverride, type YamlWorkflow } from './yaml-fields.ts';

/** Called like any handler, with the step's `handler_config` as a second argument. */
export type YamlStepHandler = {
  // The compiler compares a method's parameters both ways, so a handler may declare the types of its own input and parents.
  handle(context: StepContext<unknown, Readonly<Record<string, unknown>>>, config: Json | undefined): unknown;
}['handle'];

/** What a YAML template is loaded with. */
export interface LoadYamlOptions {
  /** By the text of `handler_class`. */
  handlers: Readonly<Record<string, YamlStepHandler>>;
  /** The environment whose `step_templates` are merged over the others; none by default. */
  environment?: string | undefined;
  /**
   * `legal`: names that this engine does not allow are replaced by legal ones (`orders/create` by `orders_create`). Default: they are
   * refused.
   */
  names?: 'as-written' | 'legal' | undefined;
  /** Called for each name that `names: 'legal'` replaced. */
  onRename?: ((from: string, to: string) => void) | undefined;
  /** The name of the text in an error: its file name. Default `the workflow template`. */
  source?: string | undefined;
}

/**
 * Makes a definition from a YAML template in the form of Tasker (Ruby). Throws WorkflowDefinitionError with every problem,
 * each with its line and field.
 *
 * Steps may be in any order. `depends_on_step` and `depends_on_steps` add up. The overrides of the environment are merged by
 * step name: maps member by member, everything else replaced; a name that no template has is an error, in every environment,
 * chosen or not. `schema` is a JSON schema (json-schema.ts lists the keywords); without one any JSON is accepted.
 */
export function loadWorkflowYaml(text: string, options: LoadYamlOptions): WorkflowDefinition {
  const document = new YamlDocument(text, options.source ?? 'the workflow template');
  const fields = readFields(document);
  document.throwProblems();
  // readFields adds a problem whenever it returns nothing.
  const workflow =
    options.names === 'legal' ? withLegalNames(fields as YamlWorkflow, options.onRename) : (fields as YamlWorkflow);

  checkWorkflow(workflow, document);
  const input = inputSchema(workflow, document);
  const steps = mergeEnvironment(workflow, options.environment, document).map((step, index) =>
    toStep(step, ['step_templates', index], options.handlers, document),
  );
  const schedules = toSchedules(workflow, document);
  document.throwProblems();
  checkGraph(steps, document);
  document.throwProblems();

  return buildDefinition(
    {
      name: workflow.name,
      input,
      ...(workflow.namespace_name === undefined ? {} : { namespace: workflow.namespace_name }),
      ...(workflow.version === undefined ? {} : { version: workflow.version }),
      ...(workflow.description === undefined ? {} : { description: workflow.description }),
      ...(workflow.identity === undefined ? {} : { identity: workflow.identity as IdentityStrategy }),
      ...(workflow.reuse === undefined ? {} : { reuse: workflow.reuse as ReuseRule }),
      ...(workflow.reuse_after_seconds === undefined ? {} : { reuseAfterSeconds: workflow.reuse_after_seconds }),
      ...(workflow.keep === undefined ? {} : { keep: workflow.keep as KeepPolicy }),
    },
    steps,
    schedules,
  );
}

function checkWorkflow(workflow: YamlWorkflow, document: YamlDocument): void {
  const add = (field: keyof YamlWorkflow, check: (value: unknown) => string | undefined) => {
    const problem = workflow[field] === undefined ? undefined : check(workflow[field]);
    if (problem !== undefined) document.add([field], problem);
  };
  add('name', (value) => colon(nameProblem(value)));
  add('namespace_name', (value) => colon(nameProblem(value)));
  add('version', (value) => colon(versionProblem(value)));
  add('description', descriptionProblem);
  add('concurrent', (value) =>
    value === false ? 'is false, which is not supported: chain the steps with depends_on_step' : undefined,
  );
  add('identity', (value) => {
    const [problem] = findWorkflowProblems({ name: 'x', input: z.unknown(), identity: value });
    return problem?.message.replace(/^identity /, '');
  });
  add('reuse', reuseProblem);
  add('reuse_after_seconds', reuseAfterProblem);
  for (const problem of workflow.keep === undefined ? [] : keepProblems(workflow.keep)) {
    const [, state = '', message = ''] = /^\.(\S*) (.*)$/s.exec(problem) ?? [];
    document.add(['keep', state], message);
  }
  if (workflow.named_steps === undefined) return;
  const named = new Set(workflow.named_steps);
  for (const [index, step] of workflow.step_templates.entries()) {
    if (named.has(step.name)) continue;
    document.add(
      ['step_templates', index, 'name'],
      `${preview(step.name)} is not among named_steps${didYouMean(step.name, named)}`,
    );
  }
}

function inputSchema(workflow: YamlWorkflow, document: YamlDocument): StandardSchema {
  if (workflow.schema === undefined) return z.unknown();
  const converted = fromJsonSchema(workflow.schema);
  if (converted.ok) return converted.schema;
  for (const { path, message } of converted.problems) document.add(['schema', ...path], message);
  return z.unknown();
}

/** The templates with the overrides of one environment merged in; every environment's overrides are checked. */
function mergeEnvironment(workflow: YamlWorkflow, environment: string | undefined, document: YamlDocument): YamlStep[] {
  const names = new Set(workflow.step_templates.map((step) => step.name));
  const overrides = new Map<string, YamlStepOverride>();
  for (const [name, settings] of Object.entries(workflow.environments ?? {})) {
    const seen = new Set<string>();
    for (const [index, override] of (settings?.step_templates ?? []).entries()) {
      const path = ['environments', name, 'step_templates', index, 'name'];
      if (!names.has(override.name)) {
        document.add(
          path,
          `${preview(override.name)} is not one of the step_templates${didYouMean(override.name, names)}`,
        );
      } else if (seen.has(override.name)) document.add(path, `${preview(override.name)} is there twice`);
      seen.add(override.name);
      if (name === environment) overrides.set(override.name, override);
    }
  }
  return workflow.step_templates.map((step) => {
    const override = overrides.get(step.name);
    const merged = override === undefined ? step : (mergeDeep(step, override) as YamlStep);
    if (workflow.handler_config === undefined) return merged;
    return { ...merged, handler_config: mergeDeep(workflow.handler_config, merged.handler_config ?? {}) as JsonObject };
  });
}

function mergeDeep(base: unknown, over: unknown): unknown {
  if (!isRecord(base) || !isRecord(over)) return over;
  // fromEntries and not assignment: a key `__proto__` is data.
  return Object.fromEntries([
    ...Object.entries(base),
    ...Object.entries(over).map(([key, value]) => [
      key,
      Object.hasOwn(base, key) ? mergeDeep(base[key], value) : value,
    ]),
  ]) as unknown;
}

function toStep(
  step: YamlStep,
  path: YamlPath,
  handlers: LoadYamlOptions['handlers'],
  document: YamlDocument,
): StepInput {
  const parents = [
    ...(step.depends_on_step === undefined ? [] : [step.depends_on_step]),
    ...(step.depends_on_steps ?? []),
  ];
  const options: StepOptions = {
    dependsOn: [...new Set(parents)],
    ...(step.uses === undefined ? {} : { uses: step.uses }),
    ...(step.default_retryable === undefined ? {} : { retryable: step.default_retryable }),
    ...(step.default_retry_limit === undefined ? {} : { retryLimit: step.default_retry_limit }),
    ...(step.backoff_max_seconds === undefined && step.backoff_initial_seconds === undefined
      ? {}
      : {
          backoff: {
            ...(step.backoff_initial_seconds === undefined ? {} : { initialSeconds: step.backoff_initial_seconds }),
            ...(step.backoff_max_seconds === undefined ? {} : { maxSeconds: step.backoff_max_seconds }),
          },
        }),
    ...(step.timeout_seconds === undefined ? {} : { timeoutSeconds: step.timeout_seconds }),
    ...(step.queue === undefined ? {} : { queue: step.queue }),
    ...(step.priority === undefined ? {} : { priority: step.priority }),
    ...(step.skippable === undefined ? {} : { skippable: step.skippable }),
    ...(step.description === undefined ? {} : { description: step.description }),
  };
  for (const { option, problem } of findOptionProblems(options, 'step')) {
    const field = problem.startsWith('.initialSeconds ') ? 'backoff_initial_seconds' : FIELD_OF_OPTION[option ?? ''];
    document.add(
      path,
      problem.replace(/^\.(max|initial)Seconds /, '').replace('maxSeconds', 'backoff_max_seconds'),
      field,
    );
  }
  const badName = nameProblem(step.name);
  if (badName !== undefined) document.add([...path, 'name'], colon(badName) ?? '');

  const handler = Object.hasOwn(handlers, step.handler_class) ? handlers[step.handler_class] : undefined;
  if (typeof handler !== 'function') {
    document.add(
      [...path, 'handler_class'],
      `${preview(step.handler_class, 128)} is not among the handlers given${didYouMean(step.handler_class, Object.keys(handlers))}`,
    );
  }
  const config = step.handler_config;
  const bound: StepHandler = (context) => handler?.(context as Parameters<YamlStepHandler>[0], config);
  return { name: step.name, options, handler: bound, handlerConfig: config };
}

function checkGraph(steps: readonly StepInput[], document: YamlDocument): void {
  const nodes = steps.map(({ name, options }) => ({ name, dependsOn: options?.dependsOn ?? [] }));
  for (const { node, message, cycle } of findDagProblems(nodes)) {
    const index = steps.findIndex(({ name }) => name === (node ?? cycle?.[0]));
    // Of two the second is reported.
    const at = message === 'is defined twice' ? steps.findLastIndex(({ name }) => name === node) : index;
    if (at < 0) document.add(['step_templates'], message);
    else document.add(['step_templates', at], `(${preview(steps[at]?.name, 128)}) ${message}`);
  }
}

/** The field's own name stands before it. */
function colon(problem: string | undefined): string | undefined {
  return problem
    ?.replace(/^the (name|version) is /, 'is ')
    .replace(/(, for example "\w+")$/, "$1; names: 'legal' replaces such names");
}
