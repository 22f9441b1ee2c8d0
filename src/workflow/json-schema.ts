import { z } from 'zod';
import { didYouMean } from './did-you-mean.ts';
import type { JsonObject } from './json.ts';
import { describeThrown } from './describe-thrown.ts';
import { preview } from './preview.ts';
import type { StandardSchema } from './standard-schema.ts';
import { isRecord } from './step-options.ts';

/*
 * zod's own conversion (z.fromJSONSchema) is strict about keywords that it cannot express, but silently ignores others:
 * constraints next to no `type`, or next to `enum`, `const` or `$ref`; required members that `properties` does not list;
 * unknown formats; misspelt keywords. A schema that would check less than it states is refused here.
 */
const KEYWORDS_OF_TYPE: Record<string, readonly string[]> = {
  object: [
    'properties',
    'required',
    'additionalProperties',
    'patternProperties',
    'propertyNames',
    'minProperties',
    'maxProperties',
  ],
  array: [
    'items',
    'prefixItems',
    'additionalItems',
    'minItems',
    'maxItems',
    'uniqueItems',
    'contains',
    'minContains',
    'maxContains',
  ],
  string: ['minLength', 'maxLength', 'pattern', 'format'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
};
const TYPED_KEYWORDS = Object.values(KEYWORDS_OF_TYPE).flat();
const COMBINING = ['anyOf', 'oneOf', 'allOf'];
const ANNOTATIONS = [
  '$schema',
  '$id',
  'id',
  '$comment',
  'title',
  'description',
  'examples',
  'example',
  'default',
  'deprecated',
  'readOnly',
  'writeOnly',
];
const KNOWN = [
  ...TYPED_KEYWORDS,
  ...COMBINING,
  ...ANNOTATIONS,
  'type',
  'enum',
  'const',
  '$ref',
  '$defs',
  'definitions',
  'not',
];
const FORMATS = [
  // Nothing to check: it marks the value as a secret.
  'password',
  'email',
  'uri',
  'uri-reference',
  'uuid',
  'guid',
  'date-time',
  'date',
  'time',
  'duration',
  'hostname',
  'ipv4',
  'ipv6',
];

export type JsonSchemaPath = readonly (string | number)[];

export interface JsonSchemaProblem {
  readonly path: JsonSchemaPath;
  readonly message: string;
}

/** The schema as a Standard Schema, or everything that keeps it from being enforced as written. */
export function fromJsonSchema(
  schema: JsonObject,
): { ok: true; schema: StandardSchema } | { ok: false; problems: JsonSchemaProblem[] } {
  const problems: JsonSchemaProblem[] = [];
  check(schema, [], problems);
  if (problems.length > 0) return { ok: false, problems };
  try {
    // A registry of its own, so that the descriptions of schemas do not accumulate in the global one.
    const converted = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0], {
      registry: z.registry(),
      // The target of $ref: zod reads `definitions` only for the drafts that have that name.
      defaultTarget: schema['definitions'] === undefined ? 'draft-2020-12' : 'draft-7',
    });
    // The original schema has more than zod keeps, such as `writeOnly`.
    const asWritten = { input: () => schema, output: () => schema };
    return {
      ok: true,
      schema: { '~standard': { ...converted['~standard'], jsonSchema: asWritten } } as StandardSchema,
    };
  } catch (thrown) {
    return { ok: false, problems: [{ path: [], message: `cannot be used: ${describeThrown(thrown).message}` }] };
  }
}

function check(schema: unknown, path: JsonSchemaPath, problems: JsonSchemaProblem[]): void {
  if (typeof schema === 'boolean') return;
  if (!isRecord(schema)) {
    problems.push({ path, message: `is ${preview(schema)}: a schema is a map` });
    return;
  }
  const add = (key: string, message: string) => problems.push({ path: [...path, key], message });
  for (const key of Object.keys(schema)) {
    if (!KNOWN.includes(key) && !key.startsWith('x-')) {
      add(key, `is not a keyword that can be enforced${didYouMean(key, KNOWN)}`);
    }
  }
  checkTypes(schema, add);
  for (const key of ['properties', 'patternProperties', '$defs', 'definitions']) {
    const members = schema[key];
    if (members === undefined) continue;
    if (!isRecord(members)) add(key, `is ${preview(members)}: it is a map of schemas`);
    else for (const [name, member] of Object.entries(members)) check(member, [...path, key, name], problems);
  }
  for (const key of [...COMBINING, 'prefixItems', 'items']) {
    const members = schema[key];
    if (Array.isArray(members)) members.forEach((member, index) => check(member, [...path, key, index], problems));
    else if (COMBINING.includes(key) && members !== undefined) add(key, 'is not a list of schemas');
    else if (members !== undefined) check(members, [...path, key], problems);
  }
  for (const key of ['additionalProperties', 'propertyNames', 'additionalItems', 'contains']) {
    // A key is always a string, and zod treats `propertyNames` that way.
    const member = schema[key];
    if (member === undefined) continue;
    check(
      key === 'propertyNames' && isRecord(member) ? { type: 'string', ...member } : member,
      [...path, key],
      problems,
    );
  }
}

function checkTypes(schema: Record<string, unknown>, add: (key: string, message: string) => void): void {
  const types = (Array.isArray(schema['type']) ? schema['type'] : [schema['type']]).map((type) =>
    type === 'integer' ? 'number' : type,
  ) as unknown[];
  const decided = ['$ref', 'enum', 'const'].find((key) => schema[key] !== undefined);
  for (const [type, keywords] of Object.entries(KEYWORDS_OF_TYPE)) {
    for (const key of keywords.filter((keyword) => schema[keyword] !== undefined)) {
      if (decided !== undefined) add(key, `would be ignored next to "${decided}": use allOf`);
      else if (!types.includes(type)) add(key, `would be ignored without "type: ${type}": add it`);
    }
  }
  if (schema['$ref'] !== undefined && schema['type'] !== undefined) add('type', 'would be ignored next to "$ref"');
  const { required, properties, format, pattern } = schema;
  if (required !== undefined && !Array.isArray(required)) add('required', 'is a list of member names');
  else {
    for (const name of required ?? []) {
      if (typeof name !== 'string' || !isRecord(properties) || !Object.hasOwn(properties, name)) {
        add('required', `names ${preview(name)}, which is not in properties`);
      }
    }
  }
  if (format !== undefined && !FORMATS.includes(format as string)) {
    add('format', `${preview(format)} cannot be enforced${didYouMean(String(format), FORMATS)}`);
  }
  if (pattern !== undefined && !isPattern(pattern))
    add('pattern', `is ${preview(pattern)}: it is a regular expression`);
}

function isPattern(pattern: unknown): boolean {
  if (typeof pattern !== 'string') return false;
  try {
    RegExp(pattern);
    return true;
  } catch {
    return false;
  }
}
