/**
 * Arrays as PostgreSQL's text form, made by joining. The driver would look at every element for what it is and how to quote
 * it, which costs more than the rest of a step's way through the client.
 */

/** Of elements that need no quotes: numbers and uuids. */
export function plainArray(elements: readonly (string | number)[]): string {
  return `{${elements.join(',')}}`;
}

/** Of texts, JSON among them; null is SQL's NULL. */
export function textArray(elements: readonly (string | null)[]): string {
  let literal = '{';
  for (const element of elements) {
    if (literal.length > 1) literal += ',';
    literal +=
      element === null ? 'NULL' : `"${/["\\]/.test(element) ? element.replaceAll(/["\\]/g, '\\$&') : element}"`;
  }
  return `${literal}}`;
}
