import type { Json } from './json.ts';
import type { StandardSchema } from './standard-schema.ts';

/** The schema of a workflow that declares none: any JSON, as it is. */
export type AnyJson = StandardSchema<Json>;

/** That the value is JSON is checked for every input, whatever its schema is. */
export const ANY_JSON: AnyJson = Object.freeze({
  '~standard': Object.freeze({
    version: 1,
    vendor: 'tasker-fleet',
    validate: (value: unknown) => ({ value: value as Json }),
  }),
} as const);
