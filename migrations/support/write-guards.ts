import { type Kysely, sql } from 'kysely';

/**
 * Conditions that only a process of the engine meets. Transitions of Tasker (Ruby) have no cause: existing ones stay (the
 * constraint is never validated, and a row whose most_recent is cleared satisfies it), new ones are refused.
 */
const WRITE_GUARDS = [
  ['tasker_workflow_steps', 'steps_named_task_known', 'named_task_id > 0'],
  ['tasker_workflow_step_transitions', 'step_transitions_cause_known', 'cause IS NOT NULL OR NOT most_recent'],
  ['tasker_task_transitions', 'task_transitions_cause_known', 'cause IS NOT NULL OR NOT most_recent'],
] as const;

/** Each is instant but waits for the transactions that write to the table, so that none is under way afterwards. */
export async function addWriteGuards(db: Kysely<unknown>): Promise<void> {
  for (const [table, name, condition] of WRITE_GUARDS) {
    const { rows } = await sql`
      SELECT FROM pg_constraint
      WHERE conname = ${name} AND conrelid = to_regclass(${sql.lit(`tasker.${table}`)})`.execute(db);
    if (rows.length > 0) continue;
    await sql.raw(`ALTER TABLE tasker.${table} ADD CONSTRAINT ${name} CHECK (${condition}) NOT VALID`).execute(db);
  }
}

export async function dropWriteGuards(db: Kysely<unknown>): Promise<void> {
  for (const [table, name] of WRITE_GUARDS) {
    await sql.raw(`ALTER TABLE tasker.${table} DROP CONSTRAINT IF EXISTS ${name}`).execute(db);
  }
}
