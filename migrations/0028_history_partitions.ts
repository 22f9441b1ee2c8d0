import type { Kysely } from 'kysely';
import { partitionHistory, unpartitionHistory } from './support/partitions.ts';

/** A validation waits for writers that began before it, so this runs outside a transaction; each part can be run again. */
export const config = { transaction: false };

/**
 * Partitions the two tables of history by ranges of task ids, so that old history is dropped and not deleted. What is there becomes
 * the first partition as it is. docs/decisions/0048-history-alone-is-partitioned.md says why these two tables and no others.
 */
export const up = (db: Kysely<unknown>): Promise<void> => partitionHistory(db);

/** As long as only the first partition has rows: nothing is copied. */
export const down = (db: Kysely<unknown>): Promise<void> => unpartitionHistory(db);
