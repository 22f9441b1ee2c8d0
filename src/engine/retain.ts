import type { Database } from '../db/connections/database.ts';
import {
  BLOCK,
  enterBlocks,
  findDueBlocks,
  moveRetention,
  rescheduleBlock,
  type ScannedBlockRow,
  scanBlock,
} from '../db/statements/retention/blocks.ts';
import {
  leaseRetention,
  readKeeps,
  readRetention,
  type RetentionRow,
  takePolicies,
} from '../db/statements/retention/policies.ts';
import { findBoundByIdentities, findDueTasks, findIdentityEnds } from '../db/statements/retention/remove.ts';
import { type KeptTask, removeTasks, type Removed, type RemovedOfWorkflow } from './remove-tasks.ts';
import { differ, type FinitePolicy, remembered, resolvePolicies, someShorter } from './retention-policy.ts';

/**
 * Removes batches of tasks that retention has chosen, as whole units. Whatever it does, it decides anew under locks (`removeTasks`): what
 * was chosen may have been retried, or is held by now.
 */
export interface TaskRemover {
  /** The most tasks that it takes at once. */
  readonly batch: number;
  remove(taskIds: readonly string[]): Promise<Removed>;
}

/** Removes a batch in one transaction: 200 tasks of four steps took 35 ms on two cores with eight times as much to do as they could. */
export function removeOnly(db: Database, batch = 200): TaskRemover {
  return { batch, remove: (taskIds) => db.transaction((tx) => removeTasks(tx, taskIds)) };
}

export interface RetainOptions {
  /** Of this process: one removes at a time. */
  leaseId: string;
  remover: TaskRemover;
  /** How long an id may become visible after a higher one. */
  youngSeconds: number;
}

export interface Retained {
  removed: RemovedOfWorkflow[];
  tasks: number;
  /** There is more to do at once. */
  more: boolean;
  /** For how long the block that has waited longest is due. */
  lagSeconds: number;
}

const IDLE: Retained = { removed: [], tasks: 0, more: false, lagSeconds: 0 };
/** If this process dies, another one goes on after this time. */
const LEASE_SECONDS = 60;
/** Blocks that one round enters: each is one descent of an index. */
const ENTERED = 500;
/** Blocks that one round visits: 1,000 tasks each, read by their keys. */
const VISITED = 8;
/** What was chosen has changed: it is looked at again soon. */
const CHANGED_SECONDS = 60;
/** What is bound to another task of its identity goes with that one. An operator may have removed that one. */
const BOUND_SECONDS = 86_400;

/**
 * One round of retention: enters blocks that are new, visits those that are due, and removes one batch of what may go. A crash at any
 * place loses nothing: a block stays due until everything in it is decided.
 */
export async function retainOnce(db: Database, { leaseId, remover, youngSeconds }: RetainOptions): Promise<Retained> {
  const [state] = await db.run(readRetention, { young_seconds: youngSeconds });
  if (state === undefined) return IDLE;
  const rows = await db.run(readKeeps);
  const policies = resolvePolicies(rows, state.keep);
  if (policies.finite.length === 0 && Object.keys(state.policies).length === 0) return IDLE;
  if ((await db.run(leaseRetention, { leased_by: leaseId, seconds: LEASE_SECONDS })).length === 0) {
    // Another scheduler removes. This one reports how far it is, too: that one may die.
    const [oldest] = await db.run(findDueBlocks, { limit: 1 });
    return { ...IDLE, lagSeconds: oldest?.late_seconds ?? 0 };
  }
  const now = remembered(policies, rows);
  if (differ(state.policies, now))
    await db.run(takePolicies, { policies: JSON.stringify(now), reset: someShorter(state.policies, now) });
  if (policies.finite.length === 0) return IDLE;
  const entered = await enter(db, state);
  const visited = await visit(db, remover, policies.finite, youngSeconds);
  return { ...visited, more: visited.more || entered };
}

/** Enters new blocks. Ids that became visible late are found when the blocks up to there settle. Returns whether there are more. */
async function enter(db: Database, state: RetentionRow): Promise<boolean> {
  const { entered_up_to: enteredUpTo, settled_up_to: settledUpTo, next_settled_up_to: next, settles } = state;
  const [young] = await db.run(enterBlocks, { from: enteredUpTo, until: null, limit: ENTERED });
  let settled: string | null = null;
  let arm = settles === null;
  let more = (young?.blocks ?? 0) === ENTERED;
  if (settles === true && next !== null) {
    const [late] = await db.run(enterBlocks, { from: settledUpTo, until: next, limit: ENTERED });
    const all = (late?.blocks ?? 0) < ENTERED;
    settled = all ? next : (late?.next ?? next);
    arm = all;
    more ||= !all;
  }
  // The last block is not full: it is entered again as long as it is the last, which changes nothing.
  const end = young?.next ?? null;
  const last = end === null ? enteredUpTo : String(BigInt(end) - BigInt(BLOCK));
  if (last !== enteredUpTo || settled !== null || arm)
    await db.run(moveRetention, { entered_up_to: last, settled_up_to: settled, arm });
  return more;
}

async function visit(
  db: Database,
  remover: TaskRemover,
  policies: readonly FinitePolicy[],
  youngSeconds: number,
): Promise<Retained> {
  const blocks = await db.run(findDueBlocks, { limit: VISITED });
  const visited: { block: (typeof blocks)[number]; scan: ScannedBlockRow }[] = [];
  const due: string[] = [];
  for (const block of blocks) {
    const [scan] = await db.run(scanBlock, { first_task_id: block.first_task_id, policies });
    visited.push({ block, scan: scan as ScannedBlockRow });
    due.push(...(scan as ScannedBlockRow).due);
    if (due.length >= remover.batch) break;
  }
  const { chosen, bound } = await choose(db, due.slice(0, remover.batch), policies);
  const removed = chosen.length === 0 ? undefined : await remover.remove(chosen);
  const stays = new Map([...bound, ...(removed?.kept ?? [])].map((task) => [task.taskId, task]));
  const went = new Set(chosen.filter((taskId) => !stays.has(taskId)));
  // A task that comes into the block after this visit is not due earlier either.
  const soonestSeconds = Math.min(...policies.map((policy) => policy.keep_seconds));
  for (const { block, scan } of visited) {
    // The batch was full: it stays due for the next round.
    if (scan.due.some((taskId) => !went.has(taskId) && !stays.has(taskId))) continue;
    await db.run(rescheduleBlock, {
      first_task_id: block.first_task_id,
      seen_at: block.next_at,
      next_at: scan.next_at,
      empty: scan.tasks === scan.due.length && scan.due.every((taskId) => went.has(taskId)),
      again_seconds: againAfter(scan.due.flatMap((taskId) => stays.get(taskId) ?? [])),
      young_seconds: Math.min(youngSeconds, soonestSeconds),
    });
  }
  return {
    removed: removed?.byWorkflow ?? [],
    tasks: removed?.rows.tasks ?? 0,
    more: blocks.length === VISITED || visited.length < blocks.length || due.length > 0,
    lagSeconds: blocks[0]?.late_seconds ?? 0,
  };
}

/**
 * Makes whole units of what is due: with the other end of an identity, if that is due as well, and without an end that another task
 * binds. Ascending, without duplicates.
 */
async function choose(
  db: Database,
  taskIds: readonly string[],
  policies: readonly FinitePolicy[],
): Promise<{ chosen: string[]; bound: KeptTask[] }> {
  if (taskIds.length === 0) return { chosen: [], bound: [] };
  const ends = (await db.run(findIdentityEnds, { task_ids: taskIds })).map((row) => row.task_id);
  const dueEnds = ends.length === 0 ? [] : await db.run(findDueTasks, { task_ids: ends, policies });
  const all = [...new Set([...taskIds, ...dueEnds.map((row) => row.task_id)].map(BigInt))];
  const sorted = all.toSorted((a, b) => (a < b ? -1 : 1)).map(String);
  const bound = (await db.run(findBoundByIdentities, { task_ids: sorted })).map((row) => ({
    taskId: row.task_id,
    reason: 'identity' as const,
    heldBy: row.held_by,
  }));
  const stays = new Set(bound.map((task) => task.taskId));
  return { chosen: sorted.filter((taskId) => !stays.has(taskId)), bound };
}

/** Null: whatever keeps them makes their block due when it ends. */
function againAfter(kept: readonly KeptTask[]): number | null {
  if (kept.some(({ reason }) => reason === 'changed')) return CHANGED_SECONDS;
  return kept.some(({ reason }) => reason === 'identity') ? BOUND_SECONDS : null;
}
