import type { Kysely } from 'kysely';
import { buildIndex, dropIndex } from './support/concurrent.ts';
import { EIGHT_INDEXES } from './support/seed-indexes.ts';

/** Index builds are concurrent, so this migration runs outside a transaction; each statement can be run again. */
export const config = { transaction: false };

/** Phase 1 of the optimisation of Tasker (Ruby): its eight targeted indexes. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const [name, { definition }] of Object.entries(EIGHT_INDEXES)) await buildIndex(db, name, definition);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const name of Object.keys(EIGHT_INDEXES)) await dropIndex(db, name);
}
