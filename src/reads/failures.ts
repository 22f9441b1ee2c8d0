import type { Executor } from '../db/connections/database.ts';
import {
  type FailureGroup,
  type FailureGroupRow,
  failureGroups,
  failureGroupsOf,
  MOST_FAILING,
  MOST_SEARCHED,
} from '../db/reads/failures.ts';

/** What fails now, by cause. */
export interface Failures {
  /** The largest first. */
  groups: FailureGroup[];
  /**
   * False: more steps are in error than were read; the numbers are of the newest 10,000 blocked and 10,000 waiting ones. Those of a workflow are looked
   * for among the newest 20,000 of each kind.
   */
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
  bounds = { failing: MOST_FAILING, searched: MOST_SEARCHED },
): Promise<Failures> {
  const most = bounds.failing + 1;
  const of = { namespace, workflow, version };
  if ((namespace ?? workflow ?? version) === undefined)
    return failuresOf(await db.run(failureGroups, { most, limit }), bounds.failing);
  const rows = await db.run(failureGroupsOf, { ...of, most, searched: bounds.searched + 1, limit });
  const found = failuresOf(
    rows.flatMap(({ searched_steps: _, ...row }) => (isGroup(row) ? [row] : [])),
    bounds.failing,
  );
  return { ...found, complete: found.complete && rows.every((row) => row.searched_steps <= bounds.searched) };
}

const isGroup = (row: { [Column in keyof FailureGroupRow]: FailureGroupRow[Column] | null }): row is FailureGroupRow =>
  row.step !== null;

/** What the rows say that were read for up to one step more than `most`. */
export function failuresOf(rows: readonly FailureGroupRow[], most = MOST_FAILING): Failures {
  return {
    groups: rows.map(({ read_steps: _read, ...group }) => group),
    complete: rows.every((row) => row.read_steps <= most),
  };
}
