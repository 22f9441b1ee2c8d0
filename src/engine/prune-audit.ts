import type { Database, Executor } from '../db/connections/database.ts';
import { readByIndexOnly } from '../db/reads/task-sets.ts';
import {
  deleteAudit,
  findLatePrune,
  findPrunable,
  lockAuditHead,
  type PrunableRow,
  PRUNE,
} from '../db/statements/acts/audit.ts';
import { sealAll, sealSome, writeAudit } from './audit.ts';

/** For how long acts stay in the audit, and for how long the inputs and results that somebody has read; undefined: for ever. */
export interface AuditKeep {
  readonly actsSeconds: number | undefined;
  readonly readsSeconds: number | undefined;
  /** Both as they are configured: the reason of the act. */
  readonly setting: string;
}

/** What a round of retention did with the audit. */
export interface Pruned {
  acts: number;
  reads: number;
  /** There is more that may go. */
  more: boolean;
  /** The place at which the chain is broken: nothing is removed there, which would remove the evidence. */
  brokenAt?: string;
}

/** Rows that one transaction removes at most. It takes about a tenth of a second, in which no act gets its place. */
const ROWS = 2000;
/** The act that vouches for the holes has a hash for each of them, and is one row of a page. */
const HOLES = 100;
/** An act each day is enough, unless there is more to remove than fits in one. */
const PAUSE_SECONDS = 20 * 3600;

const NOTHING: Pruned = { acts: 0, reads: 0, more: false };

/**
 * Removes the rows of the audit that are kept no longer, at most some thousand, if all that was due was not removed within `pauseSeconds`. The rest of the chain can still be verified: an act
 * `audit.prune`, which has its own place in it, has the hash at the end of each hole. What is removed is verified before.
 */
export async function pruneAudit(db: Database, keep: AuditKeep, pauseSeconds = PAUSE_SECONDS): Promise<Pruned> {
  // The act of this round gets its place behind all that wait for theirs: not with all of them in one transaction.
  await sealAll(db);
  return db.transaction(async (tx) => {
    await tx.run(lockAuditHead);
    await tx.run(readByIndexOnly, { how: 'ordered' });
    if ((await tx.run(findLatePrune, { seconds: pauseSeconds })).length > 0) return NOTHING;
    const rows = await tx.run(findPrunable, {
      acts_seconds: keep.actsSeconds,
      reads_seconds: keep.readsSeconds,
      size: ROWS,
    });
    const plan = planOf(rows);
    if (plan.brokenAt !== undefined) return { ...NOTHING, brokenAt: plan.brokenAt };
    if (plan.removed.length === 0) return NOTHING;
    return remove(tx, plan, rows[0]?.due ?? 0, keep.setting);
  });
}

type Hole = readonly [first: number, last: number, hash: string];

interface Plan {
  removed: PrunableRow[];
  holes: Hole[];
  brokenAt?: string;
}

/** Each hole ends before a row that stays, so the run of rows at the end is left for the next round unless such a row is known. */
function planOf(rows: readonly PrunableRow[]): Plan {
  const plan: Plan = { removed: [], holes: [] };
  let run: PrunableRow[] = [];
  let stayedAt = 0;
  for (const [index, row] of rows.entries()) {
    // The first row, if it stays, is only the end of what comes before.
    if (!row.is_sound && (index > 0 || row.is_due)) return { ...plan, brokenAt: row.position };
    if (row.is_due) {
      run.push(row);
      continue;
    }
    if (run.length > 0) {
      plan.holes.push([stayedAt + 1, Number(row.position) - 1, row.follows ?? '']);
      plan.removed.push(...run);
      if (plan.holes.length === HOLES) return plan;
      run = [];
    }
    stayedAt = Number(row.position);
  }
  return plan;
}

/** The act is in the chain before what it vouches for is gone. */
async function remove(tx: Executor, { removed, holes }: Plan, due: number, reason: string): Promise<Pruned> {
  const reads = removed.filter((row) => row.is_read).length;
  const acts = removed.length - reads;
  const more = removed.length < due || removed.length === ROWS;
  const until = new Date(Math.max(...removed.map(({ at }) => at.getTime()))).toISOString();
  await writeAudit(
    tx,
    {
      act: PRUNE.act,
      on: { kind: PRUNE.subject, id: PRUNE.subject_id },
      action: { by: 'scheduler', reason },
    },
    { outcome: 'removed', acts, reads, until, ...(more ? { more } : {}), holes },
  );
  for (let sealed = await sealSome(tx); sealed.more;) sealed = await sealSome(tx, sealed.last);
  await tx.run(deleteAudit, { audit_ids: removed.map((row) => row.audit_id) });
  return { acts, reads, more };
}
