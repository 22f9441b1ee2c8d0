import { exactTime } from '../exact-time.ts';
import type { FromSet } from './task-page.ts';
import { FILTER_NAMES, type TaskFilter } from './task-filter.ts';

/** Where a list goes on: its filter, the id below which the next page begins, and what earlier pages found out. */
export interface TaskCursor {
  readonly filter: TaskFilter;
  readonly below: string;
  readonly floor: string;
  readonly fromSet: FromSet;
}

/** Changes when the meaning of a cursor does, so that a cursor of another version is refused. */
const FORM = 1;
const ID = /^\d{1,19}$/;

/** A text for URLs and command lines. It has no secret and gives no right: whoever reads tasks may read all of them. */
export function encodeCursor({ filter, below, floor, fromSet }: TaskCursor): string {
  return Buffer.from(JSON.stringify([FORM, below, floor, fromSet ?? null, filter])).toString('base64url');
}

/** Undefined for a text that is no cursor. The values of the filter are not checked. */
export function decodeCursor(text: unknown): TaskCursor | undefined {
  if (typeof text !== 'string' || !/^[\w-]{1,20000}$/.test(text)) return undefined;
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (!Array.isArray(parts) || parts.length !== 5) return undefined;
    const [form, below, floor, fromSet, filter] = parts as unknown[];
    if (form !== FORM || !isId(below) || !isId(floor) || ![true, false, null].includes(fromSet as null))
      return undefined;
    if (typeof filter !== 'object' || filter === null) return undefined;
    if (Object.keys(filter).some((name) => !(FILTER_NAMES as readonly string[]).includes(name))) return undefined;
    return { filter: withDates(filter), below, floor, fromSet: (fromSet as boolean | null) ?? undefined };
  } catch {
    return undefined;
  }
}

const isId = (value: unknown): value is string => typeof value === 'string' && ID.test(value);

/** JSON has made texts of the times. */
function withDates(filter: object): TaskFilter {
  const given = filter as Record<string, unknown>;
  const times = (['requestedSince', 'requestedBefore', 'endedSince', 'endedBefore'] as const).filter(
    (name) => typeof given[name] === 'string',
  );
  return { ...given, ...Object.fromEntries(times.map((name) => [name, exactTime(given[name] as string)])) };
}

/** Whether two filters are the same, for a list and the cursor that is to continue it. */
export function sameFilter(a: TaskFilter, b: TaskFilter): boolean {
  const textOf = (filter: TaskFilter): string => JSON.stringify(FILTER_NAMES.map((name) => filter[name] ?? null));
  return textOf(a) === textOf(b);
}
