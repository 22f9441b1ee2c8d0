import type { Executor } from '../db/connections/database.ts';
import {
  type FailureGroup,
  type FailureGroupRow,
  failureGroups,
  failureGroupsOf,
  MOST_FAILING,
} from '../db/reads/failures.ts';

/** What fails now, by cause. */
export interface Failures {
  /** The largest first. */
  groups: FailureGroup[];
  /** False: more steps are in error than were read; the numbers are of the newest 10,000 blocked and 10,000 waiting ones. */
  complete: boolean;
}

/** Of which workflow failures are: of each that has these names. */
export interface FailureFilter {
  namespace?: string | undefined;
  workflow?: string | undefined;
  version?: string | undefined;
}

/** Groups the steps that are in error now by what they failed with. */
export async function readFailures(
  db: Executor,
  limit: number,
  { namespace, workflow, version }: FailureFilter = {},
): Promise<Failures> {
  const most = MOST_FAILING + 1;
  const all = (namespace ?? workflow ?? version) === undefined;
  return failuresOf(
    all
      ? await db.run(failureGroups, { most, limit })
      : await db.run(failureGroupsOf, { most, limit, namespace, workflow, version }),
  );
}

/** What the rows say that were read for up to one step more than `MOST_FAILING`. */
export function failuresOf(rows: readonly FailureGroupRow[]): Failures {
  return {
    groups: rows.map(({ read_steps: _read, ...group }) => group),
    complete: rows.every((row) => row.read_steps <= MOST_FAILING),
  };
}
