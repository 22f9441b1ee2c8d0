import { isExactNumber, readExactly } from '../exact-json.ts';
import type { Json } from './json.ts';

/** One place at which two JSON values differ. Without `from` it was not there before, without `to` it is not there any more. */
export interface JsonChange {
  /** JSON pointer (RFC 6901); empty: the whole value. */
  path: string;
  from?: Json;
  to?: Json;
}

/** What an edit changed. `more`: how many further places there are. */
export interface JsonDiff {
  changes: JsonChange[];
  more: number;
}

const MOST_CHANGES = 100;
/** Of one value in a change, as JSON text. */
const LONGEST_VALUE = 2000;

/**
 * The places at which two JSON texts differ, members of objects and elements of arrays one by one, numbers by their digits. Large values are
 * cut. JSON.stringify writes the numbers of the changes as they were.
 */
export function jsonDiff(before: string, after: string): JsonDiff {
  const found: JsonChange[] = [];
  compare('', readExactly(before) as Json, readExactly(after) as Json, found);
  return { changes: found.slice(0, MOST_CHANGES), more: Math.max(0, found.length - MOST_CHANGES) };
}

function compare(path: string, before: Json | undefined, after: Json | undefined, found: JsonChange[]): void {
  if (isComposite(before) && isComposite(after) && Array.isArray(before) === Array.isArray(after)) {
    const [from, to] = [before as Record<string, Json>, after as Record<string, Json>];
    for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
      const [own, other] = [valueOf(from, key), valueOf(to, key)];
      compare(`${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, own, other, found);
    }
    return;
  }
  if (isSame(before, after)) return;
  found.push({
    path,
    ...(before === undefined ? {} : { from: short(before) }),
    ...(after === undefined ? {} : { to: short(after) }),
  });
}

/** Neither is composite, or only one of them. */
const isSame = (one: Json | undefined, other: Json | undefined): boolean =>
  one === other || (isExactNumber(one) && isExactNumber(other) && JSON.stringify(one) === JSON.stringify(other));

const isComposite = (value: Json | undefined): boolean =>
  typeof value === 'object' && value !== null && !isExactNumber(value);

const valueOf = (value: Record<string, Json>, key: string): Json | undefined =>
  Object.hasOwn(value, key) ? value[key] : undefined;

function short(value: Json): Json {
  const text = JSON.stringify(value);
  return text.length <= LONGEST_VALUE ? value : `${text.slice(0, LONGEST_VALUE)}... (${text.length} characters)`;
}
