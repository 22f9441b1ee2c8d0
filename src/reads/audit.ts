import type { Database, Executor, Transactions } from '../db/connections/database.ts';
import {
  type AuditRow,
  countAudit,
  exportAudit,
  listAudit,
  listAuditOfSubject,
  verifyAuditPart,
} from '../db/reads/audit.ts';
import { readByIndexOnly } from '../db/reads/task-sets.ts';

/** Which acts to list, newest first. */
export interface AuditFilter {
  /** Such as `task.retry`. */
  act?: string | undefined;
  by?: string | undefined;
  /** Only acts that changed nothing, or only acts that did. */
  refused?: boolean | undefined;
  /** False: without the inputs and results that somebody has read, of which there are many; true: those alone. */
  reads?: boolean | undefined;
  /** Of a task also the acts on its steps. */
  on?: { kind: string; id: string } | undefined;
}

const NEWEST = '9223372036854775807';

export function readAudit(
  db: Database,
  filter: AuditFilter,
  { before = NEWEST, limit }: { before?: string | undefined; limit: number },
): Promise<AuditRow[]> {
  const params = { below: before, limit, act: filter.act, by: filter.by, refused: filter.refused, reads: filter.reads };
  return filter.on === undefined
    ? db.run(listAudit, params)
    : db.run(listAuditOfSubject, { ...params, subject: filter.on.kind, subject_id: filter.on.id });
}

const BATCH = 1000;
/** Acts that one statement verifies: a sixth of a second. */
const VERIFIED_AT_ONCE = 5000;

/** A part of the chain is an index scan of its length, also if the statistics are of a time when the audit was empty. */
const inOrder = <T>(db: Transactions, read: (tx: Executor) => Promise<T>): Promise<T> =>
  db.transaction(async (tx) => {
    await tx.run(readByIndexOnly, { how: 'ordered' });
    return read(tx);
  });

/** One act of the chain with the text that is hashed. */
export type ChainedAct = AuditRow & { record: string };

/** Every act that has a place in the chain, in its order. */
export async function* readChain(db: Database, after = '0'): AsyncGenerator<ChainedAct> {
  for (let last = after; ;) {
    const rows = await inOrder(db, (tx) => tx.run(exportAudit, { after: last, limit: BATCH }));
    yield* rows;
    const end = rows.at(-1)?.position;
    if (rows.length < BATCH || end === undefined || end === null) return;
    last = end;
  }
}

/** Whether the chain is whole. */
export interface ChainReport {
  /** Acts in all, those included that have no place yet. */
  acts: number;
  /** Empty places: what retention has removed, if the chain is whole. */
  removed: number;
  /** The last place. */
  position: string;
  /** The hash at that place: kept elsewhere, it shows later that nothing before it was changed. */
  hash: string;
  /** Where it is broken first; null: nowhere. Without `audit_id`, acts are missing at its end. */
  broken: { audit_id: string | null; position: string | null } | null;
}

/** Verifies the chain part by part, to the part in which there is nothing: no statement takes longer for a larger audit. */
export async function readChainReport(db: Executor & Transactions, limit = VERIFIED_AT_ONCE): Promise<ChainReport> {
  for (let after = '0'; ;) {
    const [part] = await inOrder(db, (tx) => tx.run(verifyAuditPart, { after, limit }));
    if (part === undefined) throw new Error('a statement that always has a row had none');
    const { last, position, hash, ends_well: endsWell } = part;
    if (part.broken === null && last !== null) {
      after = last;
      continue;
    }
    const broken = part.broken ?? (endsWell === true ? null : { audit_id: null, position });
    const [counted] = await db.run(countAudit, { position: position ?? '0' });
    return { acts: 0, removed: 0, ...counted, position: position ?? '0', hash: hash ?? '', broken };
  }
}
