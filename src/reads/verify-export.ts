import { createHash } from 'node:crypto';
import { PRUNE } from '../db/statements/acts/audit.ts';
import type { ChainReport } from './audit.ts';

/** What of a line of an export is verified. */
export interface ChainedLine {
  audit_id: string;
  position: string;
  /** The text of the act, of which the hash is made with the hash before it. */
  record: string;
  hash: string;
}

/** A line with a hole before it: its hash can be verified when an act after it says what was there. */
type AfterHole = ChainedLine & { before: ChainReport };

/**
 * Verifies an export of the audit by itself: without the database, whose owner could have made another chain. Holes are sound if an act of retention further on, which
 * is verified as every other one, has the hash at their end.
 */
export async function verifyExport(lines: AsyncIterable<ChainedLine>): Promise<ChainReport> {
  let report: ChainReport = { acts: 0, removed: 0, position: '0', hash: '', broken: null };
  const afterHoles: AfterHole[] = [];
  const vouched = new Map<string, string>();
  for await (const line of lines) {
    const { audit_id, position, record, hash } = line;
    const empty = BigInt(position) - BigInt(report.position) - 1n;
    const follows = empty >= 0n && isOf(record, audit_id);
    if (!follows || (empty === 0n && hash !== hashOf(report.hash, record))) {
      report = { ...report, acts: report.acts + 1, broken: { audit_id, position } };
      break;
    }
    if (empty > 0n) afterHoles.push({ ...line, before: report });
    for (const { hole, hash: at } of holesOf(record, BigInt(position))) vouched.set(hole, at);
    report = { acts: report.acts + 1, removed: report.removed + Number(empty), position, hash, broken: null };
  }
  for (const { audit_id, position, record, hash, before } of afterHoles) {
    const at = vouched.get(`${BigInt(before.position) + 1n}-${BigInt(position) - 1n}`);
    // Behind a place at which the chain is broken may be the act that says it.
    if (at === undefined ? report.broken === null : hash !== hashOf(at, record))
      return { ...before, acts: before.acts + 1, broken: { audit_id, position } };
  }
  return report;
}

const hashOf = (before: string, record: string): string =>
  createHash('sha256')
    .update(before + record)
    .digest('hex');

/** The text begins with the id of its act. */
const isOf = (record: string, auditId: string): boolean => record.startsWith(`[${auditId}, `);

/** The holes before `position` for which an act vouches: its text has the act, the subject and its id from the third place on, and the details at the end. */
function holesOf(record: string, position: bigint): { hole: string; hash: string }[] {
  if (!record.includes(`"${PRUNE.act}"`)) return [];
  const values = JSON.parse(record) as unknown[];
  if (values[2] !== PRUNE.act || values[3] !== PRUNE.subject || values[4] !== PRUNE.subject_id) return [];
  const { holes } = (values.at(-1) ?? {}) as { holes?: unknown };
  return (Array.isArray(holes) ? (holes as unknown[]) : []).flatMap((hole) => {
    const [first, last, hash] = (Array.isArray(hole) ? hole : []) as unknown[];
    if (!Number.isInteger(first) || !Number.isInteger(last) || typeof hash !== 'string') return [];
    return BigInt(last as number) < position ? [{ hole: `${first as number}-${last as number}`, hash }] : [];
  });
}
