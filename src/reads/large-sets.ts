import type { Database } from '../db/connections/database.ts';

/** A set that was too large is tried again after this multiple of the time that it took to find out: so trying takes a hundredth of the time at most. */
const STRETCH = 100;
const MOST_MS = 15_000;

const known = new WeakMap<Database, Map<string, number>>();

/** Whether the set of open tasks with these steps was too large a moment ago: then it is not counted again, and the page is read from another source, which has every task as well. */
export const wasTooLarge = (db: Database, steps: object, now = performance.now()): boolean =>
  (known.get(db)?.get(JSON.stringify(steps)) ?? 0) > now;

/** It is too large, which took `tookMs` to find out. */
export function isTooLarge(db: Database, steps: object, tookMs: number, now = performance.now()): void {
  let sets = known.get(db);
  if (sets === undefined) known.set(db, (sets = new Map()));
  sets.set(JSON.stringify(steps), now + Math.min(MOST_MS, tookMs * STRETCH));
}
