import type { Database } from '../db/connections/database.ts';
import { visitAllBlocks, visitTasks } from '../db/statements/retention/blocks.ts';
import { addHold, type HoldRow, listHolds, lockHoldsToAdd, removeHold } from '../db/statements/retention/holds.ts';

/** A legal hold: what it is about is removed by nobody. */
export interface Hold {
  holdId: string;
  /** The task that it holds; undefined: it holds a tag. */
  taskId?: string;
  /** It holds every task with this tag, also those that are submitted later. */
  tag?: string;
  reason: string;
  by: string;
  at: Date;
}

/** What is held: one task, or everything with a tag. */
export type HoldSubject = { taskId: string } | { tag: string };

/**
 * Sets a hold. It waits for removals under way, some ten milliseconds: a task that it finds is there from then on. `undefined`: there is no
 * task with this id (any more).
 */
export async function setHold(
  db: Database,
  subject: HoldSubject,
  action: { reason: string; by: string },
): Promise<Hold | undefined> {
  const [row] = await db.transaction(async (tx) => {
    await tx.run(lockHoldsToAdd);
    return tx.run(addHold, {
      task_id: 'taskId' in subject ? subject.taskId : null,
      tag: 'tag' in subject ? subject.tag : null,
      reason: action.reason,
      created_by: action.by,
    });
  });
  return row === undefined ? undefined : toHold(row);
}

/** Ends a hold; retention visits what it kept. `undefined`: there is no such hold. */
export async function endHold(db: Database, holdId: string): Promise<Hold | undefined> {
  return db.transaction(async (tx) => {
    const [row] = await tx.run(removeHold, { hold_id: holdId });
    if (row === undefined) return undefined;
    if (row.task_id === null) await tx.run(visitAllBlocks);
    else await tx.run(visitTasks, { task_ids: [row.task_id] });
    return toHold(row);
  });
}

const PAGE = 1000;

/** All holds, the latest first. */
export async function readHolds(db: Database): Promise<Hold[]> {
  const holds: Hold[] = [];
  for (let below: string | null = null; ;) {
    const page: HoldRow[] = await db.run(listHolds, { below, limit: PAGE });
    holds.push(...page.map(toHold));
    if (page.length < PAGE) return holds;
    below = (page.at(-1) as HoldRow).hold_id;
  }
}

function toHold(row: HoldRow): Hold {
  return {
    holdId: row.hold_id,
    ...(row.task_id === null ? {} : { taskId: row.task_id }),
    ...(row.tag === null ? {} : { tag: row.tag }),
    reason: row.reason,
    by: row.created_by,
    at: row.created_at,
  };
}
