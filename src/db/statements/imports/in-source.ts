import type { Statement } from '../../statement.ts';

/**
 * A statement about the tables of Tasker (Ruby), which are written with the schema `tasker.` as those of the engine are, for the schema
 * that they lie in. It can then run in one transaction with statements about the engine's own tables.
 */
export function inSource<Row extends object, Given extends readonly unknown[]>(
  statement: Statement<Row, Given>,
  schema: string,
): Statement<Row, Given> {
  return {
    name: `${statement.name}@${schema}`,
    text: statement.text.replaceAll(/\btasker\./g, `${quoted(schema)}.`),
    values: (...given) => statement.values(...given),
  };
}

/** With its first letter as a code: `"tasker".` would be replaced by the engine's own schema. */
function quoted(schema: string): string {
  const code = schema.charCodeAt(0).toString(16).padStart(4, '0');
  return `U&"\\${code}${schema.slice(1)}"`;
}
