import type { StandardSchema } from './standard-schema.ts';
import { isRecord } from './step-options.ts';

/** Larger ones are not stored: they are read by people and by forms. */
const MAX_LENGTH = 262_144;

/** By Standard JSON Schema (https://standardschema.dev/json-schema), which zod and others provide beside Standard Schema. */
export function jsonSchemaOf(schema: StandardSchema): unknown {
  const { jsonSchema } = schema['~standard'] as { jsonSchema?: { input?: (options: object) => unknown } };
  // Parts that JSON Schema cannot express must not keep the others from being read.
  return jsonSchema?.input?.({ target: 'draft-2020-12', libraryOptions: { unrepresentable: 'any' } });
}

/**
 * The JSON Schema (2020-12) of what a submit takes, as JSON text in ASCII: any database can store it. Undefined for a schema whose
 * library has none, or that is too large. Never throws: a description must not keep a workflow from being served.
 */
export function inputJsonSchema(schema: StandardSchema): string | undefined {
  try {
    const described = jsonSchemaOf(schema);
    if (!isRecord(described)) return undefined;
    const text = JSON.stringify(described).replaceAll(
      /[\u0080-\uffff]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
    return text.length > MAX_LENGTH ? undefined : text;
  } catch {
    return undefined;
  }
}
