import { exactTime } from '../../exact-time.ts';
import { ApiError } from '../../http/error.ts';

const OF_A_TIME = /(^|_)(at|until|next|occurrence|seen)$/;
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/** A row as the database gives it: its times are no texts. */
export function rowOf<Row extends object>(given: object): Row {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [
      name,
      OF_A_TIME.test(name) && typeof value === 'string' && ISO.test(value) ? exactTime(value) : (value as unknown),
    ]),
  ) as Row;
}

/** What there is none of, in place of the error. */
export async function orNotFound<Found, None>(work: Promise<Found>, none: None): Promise<Found | None> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ApiError && error.code === 'NOT_FOUND') return none;
    throw error;
  }
}

/** `{ nextRetry: 1 }` of `{ next_retry: 1 }`. */
export function camelCase<Row extends object>(given: object): Row {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [
      name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      value as unknown,
    ]),
  ) as Row;
}

/** Without members that are undefined or null. */
export function present<Members extends object>(
  members: Members,
): { [Name in keyof Members]?: Exclude<Members[Name], undefined | null> } {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined && value !== null),
  ) as never;
}

/** The first of what the API lists page by page. */
export async function take<Row, Shown>(
  rows: AsyncIterable<Row>,
  limit: number,
  show: (row: Row) => Shown,
): Promise<Shown[]> {
  const taken: Shown[] = [];
  for await (const row of rows) if (taken.push(show(row)) === limit) break;
  return taken;
}
