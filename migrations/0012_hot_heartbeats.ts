import { type Kysely, sql } from 'kysely';
import { buildIndex, dropIndex } from './support/concurrent.ts';

/** Index builds are concurrent, so this migration runs outside a transaction; each statement can be run again. */
export const config = { transaction: false };

/**
 * Makes a heartbeat a HOT update. The index of living processes was on the end of the lease, which every heartbeat moves: a
 * new entry in each index, and dead rows that only vacuum could remove. Now it is on a column that never changes, and the
 * next reader of a page removes the dead rows of heartbeats there.
 *
 * A table of a few rows that are written all the time exceeds autovacuum's default thresholds at every round of autovacuum.
 * Each ANALYZE then makes every session plan again all statements that use the table, most of all claims, and the statistics
 * do not change.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await buildIndex(db, 'workers_living', 'ON tasker.tasker_workers (worker_id) WHERE stopped_at IS NULL');
  await dropIndex(db, 'workers_alive');
  await sql`
    ALTER TABLE tasker.tasker_workers SET (
      autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
      autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000)`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`
    ALTER TABLE tasker.tasker_workers RESET (
      autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold,
      autovacuum_analyze_scale_factor, autovacuum_analyze_threshold)`.execute(db);
  await buildIndex(db, 'workers_alive', 'ON tasker.tasker_workers (lease_expires_at) WHERE stopped_at IS NULL');
  await dropIndex(db, 'workers_living');
}
