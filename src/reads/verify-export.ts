import { createHash } from 'node:crypto';
import type { ChainReport } from './audit.ts';

/** What of a line of an export is verified. */
export interface ChainedLine {
  audit_id: string;
  position: string;
  /** The text of the act, of which the hash is made with the hash before it. */
  record: string;
  hash: string;
}

/** Verifies an export of the audit by itself: without the database, whose owner could have made another chain. */
export async function verifyExport(lines: AsyncIterable<ChainedLine>): Promise<ChainReport> {
  let report: ChainReport = { acts: 0, position: '0', hash: '', broken: null };
  for await (const { audit_id, position, record, hash } of lines) {
    const expected = createHash('sha256')
      .update(report.hash + record)
      .digest('hex');
    const follows = BigInt(position) === BigInt(report.position) + 1n && isOf(record, audit_id);
    if (hash !== expected || !follows) return { ...report, acts: report.acts + 1, broken: { audit_id, position } };
    report = { acts: report.acts + 1, position, hash, broken: null };
  }
  return report;
}

/** The text begins with the id of its act. */
const isOf = (record: string, auditId: string): boolean => record.startsWith(`[${auditId}, `);
