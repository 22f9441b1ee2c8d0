import { InvalidInputError } from '../errors.ts';
import { workflowLabel } from './build-definition.ts';
import type { WorkflowDefinition } from './definition.ts';
import { describeThrown } from './describe-thrown.ts';
import type { Json } from './json.ts';
import { isArray, preview } from './preview.ts';
import { isSecretAt } from './secret-fields.ts';
import type { StandardIssue, StandardResult } from './standard-schema.ts';
import { storableText } from './storable-text.ts';
import { toStorableJson } from './to-storable-json.ts';

/** 1 MiB; larger data belongs in a store made for it, with a reference in the input. */
export const DEFAULT_MAX_INPUT_BYTES = 1_048_576;

const MAX_ISSUES = 20;

export interface ValidationOptions {
  maxBytes?: number | undefined;
  /** Show no value at all in messages and details, whatever its name. Default false: values under names of secrets. */
  hideValues?: boolean | undefined;
}

export interface InputIssue {
  /** `lines[2].quantity`; empty for the input as a whole. */
  path: string;
  message: string;
}

/**
 * Validates a submit's input by the workflow's schema, and returns the output of the schema (defaults filled in, transforms
 * applied) as JSON. Throws InvalidInputError with every issue, and also for an input that the schema accepts but that is not
 * plain JSON (a Date, undefined in an array, NaN): the handler would receive something else than its type states.
 */
export async function validateInput(
  definition: WorkflowDefinition,
  value: unknown,
  options: ValidationOptions = {},
): Promise<Json> {
  let result: StandardResult<unknown>;
  try {
    result = await definition.inputSchema['~standard'].validate(value);
  } catch (thrown) {
    const { name, message } = describeThrown(thrown);
    const why = options.hideValues === true ? '' : `: ${message}`;
    throw invalid(definition, [{ path: '', message: `the schema itself failed with ${name}${why}` }]);
  }
  if (result.issues !== undefined) throw invalid(definition, toIssues(definition, result.issues, value, options));
  const storable = toStorableJson(result.value, {
    maxBytes: options.maxBytes ?? DEFAULT_MAX_INPUT_BYTES,
    label: 'input',
    plainOnly: true,
  });
  if (!storable.ok) throw invalid(definition, [{ path: '', message: storable.reason }]);
  return JSON.parse(storable.json) as Json;
}

function invalid(definition: WorkflowDefinition, issues: readonly InputIssue[]): InvalidInputError {
  const lines = issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  const shown = lines.slice(0, MAX_ISSUES);
  if (lines.length > shown.length) shown.push(`... and ${lines.length - shown.length} more`);
  const list = shown.length === 1 ? ` ${shown[0]}` : shown.map((line) => `\n  - ${line}`).join('');
  return new InvalidInputError(`${workflowLabel(definition)} does not accept this input:${list}`, {
    namespace: definition.namespace,
    name: definition.name,
    version: definition.version,
    issues: issues.slice(0, MAX_ISSUES),
  });
}

function toIssues(
  { inputSchema }: WorkflowDefinition,
  issues: readonly StandardIssue[],
  input: unknown,
  { hideValues }: ValidationOptions,
): InputIssue[] {
  // Only issues that are shown are described, so that an endless list costs no more than one message.
  const converted = issues.map(({ path = [], message }, index): InputIssue => {
    const keys = path.map((segment) => (typeof segment === 'object' ? segment.key : segment));
    if (index >= MAX_ISSUES) return { path: '', message: '' };
    const { shown, text } = valueAt(input, keys);
    const hidden = text !== undefined && (hideValues === true || isSecretAt(inputSchema, keys));
    if (!hidden) return { path: pathText(keys), message: `${storableText(message, 500)} (the value is ${shown})` };
    const quotes = text !== '' && message.includes(text);
    return {
      path: pathText(keys),
      message: `${quotes ? 'is not valid' : storableText(message, 500)} (the value is not shown)`,
    };
  });
  return converted.length === 0 ? [{ path: '', message: 'the schema refuses it without saying why' }] : converted;
}

function pathText(keys: readonly PropertyKey[]): string {
  return keys
    .map((key, index) => {
      if (typeof key === 'number' || (typeof key === 'string' && /^\d+$/.test(key))) return `[${key}]`;
      const text = storableText(String(key), 100);
      return /^[A-Za-z_$][\w$]*$/.test(text) ? `${index === 0 ? '' : '.'}${text}` : `[${JSON.stringify(text)}]`;
    })
    .join('');
}

/** The value as a message shows it. `text`: the value itself, if it may be a secret; absent for a value without a text. */
function valueAt(input: unknown, keys: readonly PropertyKey[]): { shown: string; text?: string } {
  let value = input;
  try {
    for (const key of keys) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return { shown: 'missing' };
      value = (value as Record<PropertyKey, unknown>)[key];
    }
  } catch {
    return { shown: 'unreadable' };
  }
  // An object may contain a secret deeper down.
  if (typeof value === 'object' && value !== null) return { shown: isArray(value) ? 'an array' : 'an object' };
  if (value === undefined) return { shown: 'missing' };
  return { shown: preview(value), text: typeof value === 'string' ? value : preview(value) };
}
