import { type Kysely, sql } from 'kysely';

/**
 * The latest time that the database's clock has shown to a scheduler, in one row. After a clock was set back, due times and
 * leases are further ahead than they can be; without this row nothing distinguishes them from real ones. The row is written
 * every few seconds: a low fillfactor and no index on a changing column keep that a HOT update.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE tasker.tasker_clock (
      only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT clock_has_one_row CHECK (only_row),
      latest_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      set_back_from timestamptz,
      set_back_to timestamptz
    ) WITH (fillfactor = 10)`.execute(db);
  await sql`INSERT INTO tasker.tasker_clock DEFAULT VALUES`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP TABLE tasker.tasker_clock`.execute(db);
}
