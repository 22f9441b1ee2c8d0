import { type Kysely, sql } from 'kysely';

/**
 * The identity of an installation: one row, made once and kept by every backup, replica and dump of it. The ids that a
 * process keeps in memory (of workflows, its own) are valid in one installation only. Idempotency keys are derived from it,
 * so that two installations with the same task numbers never send the same key to the same provider.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE tasker.tasker_installation (
      only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT installation_has_one_row CHECK (only_row),
      installation_id uuid NOT NULL DEFAULT gen_random_uuid(),
      created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      had_earlier_versions boolean NOT NULL DEFAULT false
    )`.execute(db);
  // True if a process ever registered: new versions take random ids and leave the sequence as it is.
  await sql`
    INSERT INTO tasker.tasker_installation (had_earlier_versions)
    SELECT pg_sequence_last_value(pg_get_serial_sequence('tasker.tasker_workers', 'worker_id')::regclass) IS NOT NULL`.execute(
    db,
  );
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP TABLE tasker.tasker_installation`.execute(db);
}
