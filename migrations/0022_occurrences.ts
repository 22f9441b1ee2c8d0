import { type Kysely, sql } from 'kysely';

/**
 * A task that a schedule submitted has the occurrence that it stands for; a schedule can be paused.
 *
 * One column that is null for every other task, so that these cost nothing: no bytes in a row that has nulls anyway, no check,
 * and no index, which every statement about tasks would have to lock. Adding columns without a default rewrites no table.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE tasker.tasker_tasks ADD COLUMN schedule jsonb`.execute(db);
  await sql`
    ALTER TABLE tasker.tasker_schedule_states
      ADD COLUMN paused_at timestamptz,
      ADD COLUMN pause_reason text,
      ADD COLUMN resumed_at timestamptz`.execute(db);
  for (const [column, meaning] of Object.entries(COMMENTS)) {
    await sql`COMMENT ON COLUMN ${sql.raw(`tasker.${column}`)} IS ${sql.lit(meaning)}`.execute(db);
  }
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`
    ALTER TABLE tasker.tasker_schedule_states
      DROP COLUMN paused_at,
      DROP COLUMN pause_reason,
      DROP COLUMN resumed_at`.execute(db);
  await sql`ALTER TABLE tasker.tasker_tasks DROP COLUMN schedule`.execute(db);
}

const COMMENTS = {
  'tasker_tasks.schedule':
    'The occurrence that the task was submitted for: `name` of the schedule, `scheduled_at`, and `made_up` if it was missed at that time and submitted later. Null: no schedule submitted it.',
  'tasker_schedule_states.paused_at': 'Since when an operator has paused the schedule; null: it is not paused.',
  'tasker_schedule_states.pause_reason': 'Why, in the words of the operator.',
  'tasker_schedule_states.resumed_at': 'When it was last resumed: occurrences before that are not due.',
} as const;
