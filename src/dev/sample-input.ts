import type { StandardSchema } from '../workflow/standard-schema.ts';

type Schema = Record<string, unknown>;

/**
 * An input that probably fits a schema, as JSON, to be copied and changed; `{}` for a schema that has no description (Standard
 * JSON Schema, which zod 4.2 and others provide).
 */
export function sampleInput(schema: StandardSchema): string {
  try {
    const { jsonSchema } = schema['~standard'] as { jsonSchema?: { input(options: object): unknown } };
    const described = jsonSchema?.input({ target: 'draft-2020-12' });
    return JSON.stringify(isSchema(described) ? sampleOf(described, '') : {});
  } catch {
    return '{}';
  }
}

function sampleOf(schema: Schema, name: string): unknown {
  const {
    examples,
    default: fallback,
    enum: choices,
    anyOf,
    type,
    format,
    minimum,
    items,
    properties,
    required,
  } = schema;
  if (Array.isArray(examples) && examples.length > 0) return examples[0];
  if (fallback !== undefined) return fallback;
  if ('const' in schema) return schema['const'];
  if (Array.isArray(choices)) return choices[0];
  if (Array.isArray(anyOf)) return isSchema(anyOf[0]) ? sampleOf(anyOf[0], name) : null;
  switch (type) {
    case 'string':
      return typeof format === 'string' && Object.hasOwn(FORMATS, format) ? FORMATS[format] : name || 'text';
    case 'integer':
    case 'number':
      return typeof minimum === 'number' ? minimum : typeof schema['exclusiveMinimum'] === 'number' ? 1 : 0;
    case 'boolean':
      return false;
    case 'array':
      return isSchema(items) ? [sampleOf(items, name)] : [];
    case 'object': {
      const wanted = new Set(Array.isArray(required) ? required : []);
      const members = Object.entries(isSchema(properties) ? properties : {}).filter(([key]) => wanted.has(key));
      return Object.fromEntries(members.map(([key, member]) => [key, isSchema(member) ? sampleOf(member, key) : null]));
    }
    default:
      return null;
  }
}

const FORMATS: Readonly<Record<string, string>> = {
  email: 'ada@example.com',
  uri: 'https://example.com',
  uuid: '00000000-0000-4000-8000-000000000000',
  date: '2026-01-31',
  'date-time': '2026-01-31T12:00:00Z',
};

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
