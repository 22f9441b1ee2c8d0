import type { Database, Transactions } from '../db/connections/database.ts';
import {
  deletePause,
  findPausable,
  listPauses,
  type PauseKind,
  type PauseRow,
  pruneEndedPauses,
  writePause,
} from '../db/statements/acts/pauses.ts';
import { audited } from './audit.ts';
import type { OperatorAction } from './operator-action.ts';

/** A queue, or a workflow (`namespace/name`) with all its versions. */
export interface Pausable {
  kind: PauseKind;
  name: string;
}

/** `until`: when it ends by itself; null: when somebody resumes it. `extended`: it was paused before, and has this end and reason now. */
export type PauseOutcome =
  | { outcome: 'paused' | 'extended'; until: Date | null }
  /** No live worker serves such a queue and no registered workflow uses it; or no such workflow is registered. */
  | { outcome: 'not_found' };

/** What a resume has done. `not_paused`: there was nothing to resume. */
export type ResumeOutcome = { outcome: 'resumed' } | { outcome: 'not_paused' };

/**
 * Nothing of it is claimed until it is resumed. What runs goes on to its end, and so does what a worker claims before it has noticed: workers
 * read what is paused with each heartbeat, and when they join.
 */
export async function pause(
  db: Transactions,
  { kind, name }: Pausable,
  { seconds, ...action }: OperatorAction & { seconds?: number | undefined },
): Promise<PauseOutcome> {
  const asked = seconds === undefined ? undefined : { seconds };
  return audited<PauseOutcome>(db, { act: `${kind}.pause`, on: { kind, id: name }, action, asked }, async (tx) => {
    const [found] = await tx.run(findPausable, { kind, name });
    if (found?.known !== true) return { outcome: 'not_found' };
    const [row] = await tx.run(writePause, { kind, name, by: action.by ?? 'operator', reason: action.reason, seconds });
    return { outcome: row?.existed === true ? 'extended' : 'paused', until: row?.until ?? null };
  });
}

export async function resume(
  db: Transactions,
  { kind, name }: Pausable,
  action: OperatorAction,
): Promise<ResumeOutcome> {
  return audited<ResumeOutcome>(db, { act: `${kind}.resume`, on: { kind, id: name }, action }, async (tx) => {
    const [row] = await tx.run(deletePause, { kind, name });
    return { outcome: row?.paused === true ? 'resumed' : 'not_paused' };
  });
}

export const pauses = (db: Database): Promise<PauseRow[]> => db.run(listPauses);

/** Deletes pauses that ended by themselves. Returns how many. */
export const prunePauses = async (db: Database): Promise<number> => (await db.run(pruneEndedPauses)).length;
