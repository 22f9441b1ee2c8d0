import type { Executor } from '../db/connections/database.ts';
import { type InputEdit, inputRulesOf } from '../engine/edit-input.ts';
import { InvalidInputError } from '../errors.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';
import type { JsonObject } from '../workflow/json.ts';
import { toStorableJson } from '../workflow/to-storable-json.ts';
import { DEFAULT_MAX_INPUT_BYTES, validateInput, type ValidationOptions } from '../workflow/validate-input.ts';

/**
 * The edit of an input, checked against the JSON Schema that is stored with the workflow: of the step, if one is named, or of the task. Throws
 * InvalidInputError with every issue. A workflow without a stored schema, or with one that cannot be enforced as it is written, takes any JSON.
 */
export async function editedInput(
  db: Executor,
  taskId: string,
  { input, steps }: { input: unknown; steps?: readonly string[] | undefined },
  validation: ValidationOptions,
): Promise<InputEdit> {
  if (steps !== undefined && steps.length !== 1) {
    throw new InvalidInputError(
      'input is given with several steps: name one step, to give it an input of its own, or none, to edit the input of the task',
      { field: 'steps' },
    );
  }
  const stored = toStorableJson(input, { maxBytes: DEFAULT_MAX_INPUT_BYTES, label: 'input', plainOnly: true });
  if (!stored.ok) throw new InvalidInputError(stored.reason, { field: 'input' });
  const rules = await inputRulesOf(db, taskId);
  const edit = { step: steps?.[0], input: stored.json };
  if (rules?.schema === undefined) return edit;
  // Loaded at the first edit: zod takes as long to load as the rest of a client.
  const { fromJsonSchema } = await import('../workflow/json-schema.ts');
  const converted = fromJsonSchema(rules.schema as JsonObject);
  if (!converted.ok) return edit;
  // Of the definition only its name is used, in the message.
  const definition = { ...rules, inputSchema: converted.schema } as unknown as WorkflowDefinition;
  await validateInput(definition, JSON.parse(stored.json), validation);
  // As it was given: stored inputs are what a schema made of them, and the one here may add to them what the code's would not.
  return edit;
}
