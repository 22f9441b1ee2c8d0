import { ConfigError } from '../errors.ts';

export const DEFAULT_SCHEMA = 'tasker';

/** Statements, views and migrations write the schema literally as `tasker.`; this puts the configured name in its place. */
export function inSchema(text: string, schema: string): string {
  return schema === DEFAULT_SCHEMA ? text : text.replaceAll(/"tasker"\.|\btasker\./g, `"${checkedSchema(schema)}".`);
}

/** Throws ConfigError unless `schema` is a plain identifier of at most 48 characters. */
export function checkedSchema(schema: string): string {
  if (!/^[a-z_][a-z0-9_]{0,47}$/.test(schema)) {
    throw new ConfigError(
      `TASKER_SCHEMA is ${JSON.stringify(schema)}: use lower-case letters, digits and underscores, at most 48, not starting with a digit`,
      { schema },
    );
  }
  return schema;
}
