import { type Kysely, sql } from 'kysely';

/**
 * The directory of tasks: which tasks of a stretch of 32,768 ids have a workflow or a tag. A scheduler enters tasks when nothing is added
 * among them any more, so submits, claims and completions neither write nor read it. The tables begin empty, and until a scheduler has
 * filled them lists read as before.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE tasker.tasker_directory (
      only_row boolean NOT NULL DEFAULT true PRIMARY KEY,
      entered_up_to bigint NOT NULL DEFAULT 0,
      closing_up_to bigint,
      closing_after bigint,
      closing_at timestamptz,
      CONSTRAINT directory_one_row CHECK (only_row),
      CONSTRAINT directory_agrees CHECK (num_nulls(closing_up_to, closing_after, closing_at) IN (0, 3))
    )`.execute(db);
  await sql`INSERT INTO tasker.tasker_directory DEFAULT VALUES`.execute(db);
  await sql`
    CREATE TABLE tasker.tasker_directory_stretches (
      stretch bigint PRIMARY KEY,
      trusted boolean NOT NULL,
      entered_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )`.execute(db);
  await sql`
    CREATE INDEX directory_untrusted ON tasker.tasker_directory_stretches (stretch) WHERE NOT trusted`.execute(db);
  await sql`
    CREATE TABLE tasker.tasker_directory_entries (
      term bigint NOT NULL,
      stretch bigint NOT NULL,
      tasks integer NOT NULL,
      places smallint[] NOT NULL,
      PRIMARY KEY (term, stretch)
    )`.execute(db);
  // Numbers of two bytes in ascending order: packing them takes longer than reading them.
  await sql`ALTER TABLE tasker.tasker_directory_entries ALTER COLUMN places SET STORAGE EXTERNAL`.execute(db);
  await sql`CREATE INDEX directory_entries_by_stretch ON tasker.tasker_directory_entries (stretch)`.execute(db);
  for (const [name, meaning] of Object.entries(COMMENTS)) {
    await sql`COMMENT ON ${sql.raw(name)} IS ${sql.lit(meaning)}`.execute(db);
  }
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP TABLE tasker.tasker_directory_entries, tasker.tasker_directory_stretches, tasker.tasker_directory`.execute(
    db,
  );
}

const D = 'COLUMN tasker.tasker_directory';
const COMMENTS: Readonly<Record<string, string>> = {
  'TABLE tasker.tasker_directory':
    'One row: how far the directory of tasks is. A scheduler fills it; lists of a workflow or a tag read it.',
  [`${D}.only_row`]: 'True: there is one row.',
  [`${D}.entered_up_to`]: 'Every task below this id is in the directory, unless its stretch is not trusted.',
  [`${D}.closing_up_to`]:
    'Tasks up to this id are entered next: nothing is added below it any more when its time has come.',
  [`${D}.closing_after`]: 'That is when every transaction that ran then is over: up to this number,',
  [`${D}.closing_at`]: 'and a minute after this time.',
  'TABLE tasker.tasker_directory_stretches':
    'A row for each 32,768 ids in a row (`task_id / 32768`) with tasks that are in the directory.',
  [`${D}_stretches.stretch`]: 'Its first id, divided by 32,768.',
  [`${D}_stretches.trusted`]:
    'False: a task was restored or imported there, or moved to another workflow version, after it was entered. Lists read its tasks as if it had not been, until a scheduler enters it again.',
  [`${D}_stretches.entered_at`]: 'When a scheduler last entered it, or compared it with its tasks.',
  'TABLE tasker.tasker_directory_entries': 'The tasks of a stretch that have a workflow version, or a tag.',
  [`${D}_entries.term`]:
    'A workflow version: its `named_task_id`. A tag: the first 60 bits of its SHA-256, made negative; tags that share one are distinguished by their tasks.',
  [`${D}_entries.stretch`]: 'The stretch.',
  [`${D}_entries.tasks`]: 'How many tasks they are. Some may have been removed since.',
  [`${D}_entries.places`]: 'Their ids, less the first id of the stretch, in ascending order.',
};
