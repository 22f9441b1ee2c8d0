import { z } from 'zod';
import { closestTo } from './did-you-mean.ts';
import type { JsonObject } from './json.ts';
import { isRecord } from './step-options.ts';
import type { YamlDocument, YamlPath } from './yaml-document.ts';

/** A name alone, or a list of them. */
const names = z.array(z.string());
/** Kept as it is: z.record would drop a key `__proto__`. The document has checked that it is JSON. */
const settings = z.custom<JsonObject>(isRecord, 'has to be a map');

const stepFields = {
  handler_class: z.string(),
  description: z.string(),
  depends_on_step: z.string(),
  depends_on_steps: names,
  uses: names,
  default_retryable: z.boolean(),
  default_retry_limit: z.number(),
  skippable: z.boolean(),
  handler_config: settings,
  queue: z.string(),
  priority: z.number(),
  timeout_seconds: z.number(),
  backoff_initial_seconds: z.number(),
  backoff_max_seconds: z.number(),
  // Of Tasker (Ruby), without a meaning here.
  dependent_system: z.string(),
  custom_events: z.array(z.unknown()),
};

const stepOverride = z
  .strictObject({ name: z.string(), ...stepFields })
  .partial()
  .required({ name: true });
const stepTemplate = stepOverride.required({ handler_class: true });

const schedule = z.strictObject({
  key: z.string(),
  cron: z.string(),
  timezone: z.string().optional(),
  input: z.unknown().optional(),
  priority: z.number().optional(),
  tags: names.optional(),
  reason: z.string().optional(),
  version: z.string().optional(),
  overlap: z.string().optional(),
  make_up: z.string().optional(),
  make_up_window_seconds: z.number().optional(),
});

const workflow = z.strictObject({
  name: z.string(),
  namespace_name: z.string().optional(),
  version: z.string().optional(),
  description: z.string().optional(),
  identity: z.string().optional(),
  reuse: z.string().optional(),
  reuse_after_seconds: z.number().optional(),
  keep: settings.optional(),
  named_steps: names.optional(),
  schema: settings.optional(),
  step_templates: z.array(stepTemplate),
  schedules: z.array(schedule).optional(),
  /** Of every step, unless it has a member of its own of that name. */
  handler_config: settings.optional(),
  environments: z
    .record(z.string(), z.strictObject({ step_templates: z.array(stepOverride).optional() }).nullable())
    .optional(),
  // Of Tasker (Ruby), without a meaning here; `concurrent: false` would have one, and is refused.
  task_handler_class: z.string().optional(),
  module_namespace: z.string().optional(),
  default_dependent_system: z.string().optional(),
  custom_events: z.array(z.unknown()).optional(),
  concurrent: z.boolean().optional(),
});

export type YamlWorkflow = z.output<typeof workflow>;
export type YamlStep = z.output<typeof stepTemplate>;
export type YamlStepOverride = z.output<typeof stepOverride>;

/** Which option of a step a YAML field sets. */
export const FIELD_OF_OPTION: Record<string, keyof YamlStep> = {
  dependsOn: 'depends_on_steps',
  uses: 'uses',
  retryable: 'default_retryable',
  retryLimit: 'default_retry_limit',
  backoff: 'backoff_max_seconds',
  timeoutSeconds: 'timeout_seconds',
  queue: 'queue',
  priority: 'priority',
  skippable: 'skippable',
  description: 'description',
};

/** The document's fields, or undefined with the problems added to the document. */
export function readFields(document: YamlDocument): YamlWorkflow | undefined {
  const parsed = workflow.safeParse(document.value, { reportInput: true });
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) {
    const path = issue.path as YamlPath;
    if (issue.code === 'unrecognized_keys') {
      const known = knownKeys(path);
      for (const key of issue.keys) {
        // Only the first few problems are shown: a suggestion for each of 100,000 would take seconds.
        const closest = document.problems.length < 50 ? closestTo(key, known) : undefined;
        document.add(path, `is not a known key${closest === undefined ? '' : `: did you mean "${closest}"?`}`, key);
      }
    } else if (issue.code === 'invalid_type') {
      const hint = path.join('.') === 'version' ? ': put it in quotes' : '';
      document.add(path, issue.input === undefined ? 'is missing' : `has to be ${article(issue.expected)}${hint}`);
    } else {
      document.add(path, issue.code === 'custom' ? issue.message : `is not valid: ${issue.message}`);
    }
  }
  return undefined;
}

function knownKeys(path: YamlPath): string[] {
  if (path.length === 0) return Object.keys(workflow.shape);
  if (path.at(-2) === 'step_templates') return ['name', ...Object.keys(stepFields)];
  if (path.at(-2) === 'schedules') return Object.keys(schedule.shape);
  return ['step_templates'];
}

function article(type: string): string {
  if (type === 'record' || type === 'object') return 'a map';
  if (type === 'array') return 'a list';
  return type === 'string' ? 'a text' : `a ${type}`;
}
