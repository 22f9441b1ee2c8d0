import type { TypeName } from './parameter-types.ts';

/**
 * Arrays as PostgreSQL's text form, made by joining. The driver would inspect every element and quote it, which costs more than
 * the rest of a step's way through the client.
 */

/** Of elements that need no quotes: numbers, booleans and uuids. */
export function plainArray(elements: readonly (string | number | boolean)[]): string {
  return `{${elements.join(',')}}`;
}

/** Of texts, JSON among them; null is SQL's NULL. */
export function textArray(elements: readonly (string | Date | null | undefined)[]): string {
  return `{${elements.map(quoted).join(',')}}`;
}

const PLAIN: ReadonlySet<TypeName> = new Set(['smallint', 'integer', 'bigint', 'float8', 'boolean', 'uuid']);

/** The literal of an array of this type. */
export function arrayEncoder(type: TypeName): (elements: readonly never[]) => string {
  return PLAIN.has(type) ? plainArray : textArray;
}

/** The literal of one column of rows. Null and undefined are SQL's NULL. */
export function columnEncoder(type: TypeName, column: string): (rows: readonly Record<string, unknown>[]) => string {
  if (PLAIN.has(type)) return (rows) => plainArray(rows.map((row) => (row[column] ?? 'NULL') as string));
  return (rows) => {
    let literal = '{';
    for (const row of rows) {
      if (literal.length > 1) literal += ',';
      literal += quoted(row[column] as string | null);
    }
    return `${literal}}`;
  };
}

function quoted(element: string | Date | null | undefined): string {
  if (element === null || element === undefined) return 'NULL';
  const text = typeof element === 'string' ? element : element.toISOString();
  return `"${/["\\]/.test(text) ? text.replaceAll(/["\\]/g, '\\$&') : text}"`;
}
