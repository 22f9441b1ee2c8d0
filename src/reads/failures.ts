import type { Executor } from '../db/connections/database.ts';
import { type FailureGroup, failureGroups } from '../db/reads/failures.ts';

/** Of the blocked steps, and of those that wait for a retry: the groups of more are read as far as the newest of them. */
const MOST_STEPS = 10_000;

/** What fails now, by cause. */
export interface Failures {
  /** The largest first. */
  groups: FailureGroup[];
  /** False: more steps are in error than were read; the numbers are of the newest 10,000 blocked and 10,000 waiting ones. */
  complete: boolean;
}

/** Groups the steps that are in error now by what they failed with. */
export async function readFailures(db: Executor, limit: number): Promise<Failures> {
  const rows = await db.run(failureGroups, { most: MOST_STEPS + 1, limit });
  return {
    groups: rows.map(({ read_steps: _read, ...group }) => group),
    complete: rows.every((row) => row.read_steps <= MOST_STEPS),
  };
}
