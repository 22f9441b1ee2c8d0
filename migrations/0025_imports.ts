import { type Kysely, sql } from 'kysely';

/**
 * The books of `tasker import-tasker`: each run, and what became of each task of the source. A run that was interrupted goes on from
 * them, `--verify` and `--undo` read them. Nothing else in the engine does.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE tasker.tasker_imports (
      import_id uuid NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
      source text NOT NULL,
      release text NOT NULL,
      options jsonb NOT NULL DEFAULT '{}',
      counts jsonb NOT NULL DEFAULT '{}',
      started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      ended_at timestamptz
    )`.execute(db);
  await sql`
    CREATE TABLE tasker.tasker_imported_tasks (
      source text NOT NULL,
      source_task_id bigint NOT NULL,
      import_id uuid NOT NULL,
      phase text NOT NULL,
      task_id bigint,
      reason text,
      details jsonb NOT NULL DEFAULT '{}',
      recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      PRIMARY KEY (source, source_task_id),
      CONSTRAINT imported_tasks_agree CHECK (phase IN ('ended', 'open') AND (task_id IS NULL) = (reason IS NOT NULL))
    )`.execute(db);
  // A purge, and an undo, find the row of a task.
  await sql`
    CREATE INDEX imported_tasks_by_task ON tasker.tasker_imported_tasks (task_id) WHERE task_id IS NOT NULL`.execute(
    db,
  );
  for (const [name, meaning] of Object.entries(COMMENTS)) {
    await sql`COMMENT ON ${sql.raw(name)} IS ${sql.lit(meaning)}`.execute(db);
  }
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP TABLE tasker.tasker_imported_tasks`.execute(db);
  await sql`DROP TABLE tasker.tasker_imports`.execute(db);
}

const COMMENTS: Readonly<Record<string, string>> = {
  'TABLE tasker.tasker_imports': 'One row per run of `tasker import-tasker` that wrote something.',
  'COLUMN tasker.tasker_imports.import_id': 'Key, random.',
  'COLUMN tasker.tasker_imports.source': 'The database and the schema that it read: `app/public`.',
  'COLUMN tasker.tasker_imports.release': 'The releases of Tasker (Ruby) that have the tables found there: `2.0-2.1`.',
  'COLUMN tasker.tasker_imports.options': 'The options of the run.',
  'COLUMN tasker.tasker_imports.counts': 'What it did, in numbers; empty if it was interrupted.',
  'COLUMN tasker.tasker_imports.started_at': 'When it began.',
  'COLUMN tasker.tasker_imports.ended_at': 'When it ended; null: it runs, or was interrupted.',
  'TABLE tasker.tasker_imported_tasks':
    'One row per task of Tasker (Ruby) that an import has seen and taken over, or left out.',
  'COLUMN tasker.tasker_imported_tasks.source': 'As in `tasker_imports`.',
  'COLUMN tasker.tasker_imported_tasks.source_task_id': 'The id of the task there.',
  'COLUMN tasker.tasker_imported_tasks.import_id': 'The run that wrote this row.',
  'COLUMN tasker.tasker_imported_tasks.phase':
    '`ended`: the task had ended there, and was copied. `open`: it was handed over, and is cancelled there.',
  'COLUMN tasker.tasker_imported_tasks.task_id': 'The id of the task here; null: it was left out.',
  'COLUMN tasker.tasker_imported_tasks.reason':
    'Why it was left out; the guide lists the reasons. `purged`: it was here, and is never imported again.',
  'COLUMN tasker.tasker_imported_tasks.details':
    'What has no place elsewhere: annotations, `bypass_steps` of open tasks, steps of one name that were merged, the sort keys at the import.',
  'COLUMN tasker.tasker_imported_tasks.recorded_at': 'When, by the clock of the database.',
};
