import { type Kysely, sql } from 'kysely';
import { buildIndex, dropIndex } from './support/concurrent.ts';

/** The build is concurrent, so this migration runs outside a transaction; it can be run again. */
export const config = { transaction: false };

const READS = 'audit_reads';

/**
 * Inputs and results that somebody has read, by their time: of the audit they are by far the most, and may be kept for less long than acts. And which archive a
 * scheduler has, so that the doctor can compare them.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await buildIndex(db, READS, `ON tasker.tasker_audit (at) WHERE act = 'payload.read'`);
  await sql`ALTER TABLE tasker.tasker_workers ADD COLUMN IF NOT EXISTS archive text`.execute(db);
  await comment(db, COMMENTS);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await comment(db, COMMENTS_BEFORE);
  await sql`ALTER TABLE tasker.tasker_workers DROP COLUMN IF EXISTS archive`.execute(db);
  await dropIndex(db, READS);
}

async function comment(db: Kysely<unknown>, comments: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, meaning] of Object.entries(comments))
    await sql`COMMENT ON ${sql.raw(name)} IS ${sql.lit(meaning)}`.execute(db);
}

const COMMENTS = {
  'TABLE tasker.tasker_audit':
    'One row per act of an operator, refusals included, written in the transaction of the act; a scheduler gives it its place in the chain. No program changes a row. Those that are older than TASKER_AUDIT_KEEP says are removed by a scheduler, whose act `audit.prune` has the hashes at the places that it emptied.',
  'COLUMN tasker.tasker_audit.position':
    'Place in the chain, from 1, without gaps but for what `audit.prune` says it removed; null: it has none yet, for some seconds.',
  'COLUMN tasker.tasker_workers.archive':
    'Of a scheduler, which archive it has: a hash of its address, without keys; null: none.',
} as const;

const COMMENTS_BEFORE = {
  'TABLE tasker.tasker_audit':
    'One row per act of an operator, refusals included, written in the transaction of the act. No program changes or deletes a row; a scheduler gives it its place in the chain.',
  'COLUMN tasker.tasker_audit.position':
    'Place in the chain, from 1 without gaps; null: it has none yet, for some seconds.',
} as const;
