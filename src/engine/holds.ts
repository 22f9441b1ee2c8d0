import type { Database, Transactions } from '../db/connections/database.ts';
import { audited } from './audit.ts';
import type { OperatorAction } from './operator-action.ts';
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
  db: Transactions,
  subject: HoldSubject,
  action: { reason: string; by: string },
): Promise<Hold | undefined> {
  const on =
    'taskId' in subject ? ({ kind: 'task', id: subject.taskId } as const) : ({ kind: 'tag', id: subject.tag } as const);
  let hold: Hold | undefined;
  await audited(db, { act: 'hold.set', on, action }, async (tx) => {
    await tx.run(lockHoldsToAdd);
    const [row] = await tx.run(addHold, {
      task_id: 'taskId' in subject ? subject.taskId : null,
      tag: 'tag' in subject ? subject.tag : null,
      reason: action.reason,
      created_by: action.by,
    });
    hold = row === undefined ? undefined : toHold(row);
    return hold === undefined ? { outcome: 'not_found' } : { outcome: 'held_back', hold_id: hold.holdId };
  });
  return hold;
}

/** Ends a hold; retention visits what it kept. `undefined`: there is no such hold. */
export async function endHold(
  db: Transactions,
  holdId: string,
  action: OperatorAction = {},
): Promise<Hold | undefined> {
  let hold: Hold | undefined;
  await audited(db, { act: 'hold.end', on: { kind: 'hold', id: holdId }, action }, async (tx) => {
    const [row] = await tx.run(removeHold, { hold_id: holdId });
    hold = row === undefined ? undefined : toHold(row);
    if (row === undefined) return { outcome: 'not_found' };
    if (row.task_id === null) await tx.run(visitAllBlocks);
    else await tx.run(visitTasks, { task_ids: [row.task_id] });
    return { outcome: 'ended', task_id: row.task_id, tag: row.tag };
  });
  return hold;
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
