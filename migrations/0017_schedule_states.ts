import { type Kysely, sql } from 'kysely';

/** Every column that takes its values from a sequence, except ids of processes, which are random since 0016. */
const SEQUENCE_COLUMNS = [
  ['tasker_tasks', 'task_id'],
  ['tasker_task_namespaces', 'task_namespace_id'],
  ['tasker_named_tasks', 'named_task_id'],
  ['tasker_named_steps', 'named_step_id'],
] as const;

/**
 * The outcome of the newest occurrence of each schedule. Also: sequences that are behind their column, as after a restore of
 * rows alone, are set to its highest value: each reads the end of one index.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  // One row per schedule, rewritten at each occurrence. Two schedulers that decide the same one are serialized by its lock.
  await sql`
    CREATE TABLE tasker.tasker_schedule_states (
      schedule_key text PRIMARY KEY,
      occurrence_at timestamptz,
      outcome text,
      task_id bigint,
      error text,
      failed_at timestamptz,
      CONSTRAINT schedule_states_agree CHECK (
        (occurrence_at IS NULL) = (outcome IS NULL)
        AND (outcome IS NULL OR outcome IN ('submitted', 'skipped'))
        AND (error IS NULL) = (failed_at IS NULL)
      )
    ) WITH (fillfactor = 50)`.execute(db);
  for (const [table, column] of SEQUENCE_COLUMNS) {
    await sql
      .raw(
        `SELECT setval(s.sequence, m.highest)
         FROM (SELECT pg_get_serial_sequence('tasker.${table}', '${column}')::regclass AS sequence) s
         JOIN pg_sequences p ON format('%I.%I', p.schemaname, p.sequencename)::regclass = s.sequence
         CROSS JOIN (SELECT max(${column})::bigint AS highest FROM tasker.${table}) m
         WHERE m.highest > coalesce(p.last_value, p.start_value - 1)`,
      )
      .execute(db);
  }
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP TABLE tasker.tasker_schedule_states`.execute(db);
}
