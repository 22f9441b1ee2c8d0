import type { Database } from '../db/connections/database.ts';
import { type AuditRow, exportAudit, listAudit, listAuditOfSubject, verifyAudit } from '../db/reads/audit.ts';

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

/** One act of the chain with the text that is hashed. */
export type ChainedAct = AuditRow & { record: string };

/** Every act that has a place in the chain, in its order. */
export async function* readChain(db: Database, after = '0'): AsyncGenerator<ChainedAct> {
  for (let last = after; ;) {
    const rows = await db.run(exportAudit, { after: last, limit: BATCH });
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

export async function readChainReport(db: Database): Promise<ChainReport> {
  const [report] = await db.run(verifyAudit);
  return report ?? { acts: 0, removed: 0, position: '0', hash: '', broken: null };
}
