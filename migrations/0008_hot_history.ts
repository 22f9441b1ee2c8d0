import { type Kysely, sql } from 'kysely';
import { buildIndex, buildUniqueIndex, dropIndex } from './support/concurrent.ts';

/** Index builds are concurrent, so this migration runs outside a transaction; each statement can be run again. */
export const config = { transaction: false };

/**
 * Takes the last indexes off columns that every step changes, so that flipping `most_recent` and ending a task are HOT
 * updates: a new row version on the same page and no index entry at all.
 *
 * - The unique indexes on the most recent transition. What they enforced follows from the primary key and the swap: a
 *   transition with sort_key n+1 is written only by the statement that flipped number n, under the lock of the step's or
 *   task's own row, and two writers of one number meet in the primary key. The doctor checks the rest.
 * - The index of open tasks: no statement reads it.
 * - The unique constraint on (task, named step), one more index entry for every claim. Step ids are made of the task's id and
 *   the step's place in its workflow, and the registry holds each name once per workflow; the doctor looks for the rest.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await dropIndex(db, 'step_transitions_most_recent');
  await dropIndex(db, 'index_task_transitions_on_task_and_most_recent');
  await dropIndex(db, 'tasks_open');
  await sql`
    ALTER TABLE tasker.tasker_workflow_steps DROP CONSTRAINT IF EXISTS workflow_steps_task_named_step_key`.execute(db);
  await fill(db, {
    tasker_workflow_steps: 40,
    tasker_tasks: 40,
    tasker_workflow_step_transitions: 50,
    tasker_task_transitions: 50,
  });
}

async function fill(db: Kysely<unknown>, factors: Record<string, number>): Promise<void> {
  for (const [table, factor] of Object.entries(factors)) {
    await sql`ALTER TABLE ${sql.table(`tasker.${table}`)} SET (fillfactor = ${sql.lit(factor)})`.execute(db);
  }
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await fill(db, {
    tasker_workflow_steps: 50,
    tasker_tasks: 50,
    tasker_workflow_step_transitions: 85,
    tasker_task_transitions: 85,
  });
  const { rows } = await sql`
    SELECT FROM pg_constraint
    WHERE conrelid = 'tasker.tasker_workflow_steps'::regclass AND conname = 'workflow_steps_task_named_step_key'`.execute(
    db,
  );
  if (rows.length === 0) {
    await buildUniqueIndex(
      db,
      'workflow_steps_task_named_step_key',
      'ON tasker.tasker_workflow_steps (task_id, named_step_id)',
    );
    await sql`
      ALTER TABLE tasker.tasker_workflow_steps
        ADD CONSTRAINT workflow_steps_task_named_step_key UNIQUE USING INDEX workflow_steps_task_named_step_key`.execute(
      db,
    );
  }
  await buildIndex(db, 'tasks_open', 'ON tasker.tasker_tasks (task_id) WHERE NOT complete');
  await buildUniqueIndex(
    db,
    'index_task_transitions_on_task_and_most_recent',
    'ON tasker.tasker_task_transitions (task_id) WHERE most_recent',
  );
  await buildUniqueIndex(
    db,
    'step_transitions_most_recent',
    'ON tasker.tasker_workflow_step_transitions (task_id, workflow_step_id) WHERE most_recent',
  );
}
