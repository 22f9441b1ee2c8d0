import { type Kysely, sql } from 'kysely';

/**
 * Paths of inputs by which tasks are found at once. The schedulers enter their values in the directory of tasks, behind the tasks; without a
 * path nothing is entered, and no submit reads or writes any of this. The new column is empty, which rewrites nothing.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE tasker.tasker_search_paths (
      path_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      namespace text NOT NULL,
      workflow text NOT NULL,
      path text NOT NULL,
      json_path jsonpath NOT NULL,
      enabled_at timestamptz NOT NULL,
      enabled_by text NOT NULL,
      CONSTRAINT search_paths_once UNIQUE (namespace, workflow, path),
      CONSTRAINT search_paths_have_room CHECK (path_id < 1048576)
    )`.execute(db);
  await sql`ALTER TABLE tasker.tasker_directory_stretches ADD COLUMN searched_at timestamptz`.execute(db);
  for (const [name, meaning] of Object.entries(COMMENTS)) {
    await sql`COMMENT ON ${sql.raw(name)} IS ${sql.lit(meaning)}`.execute(db);
  }
}

/** What was entered for the paths is dropped by the daily comparison, as it is when a path is disabled; here at once. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DELETE FROM tasker.tasker_directory_entries WHERE term >= 4611686018427387904`.execute(db);
  await sql`ALTER TABLE tasker.tasker_directory_stretches DROP COLUMN searched_at`.execute(db);
  await sql`DROP TABLE tasker.tasker_search_paths`.execute(db);
  await sql`COMMENT ON COLUMN tasker.tasker_directory_entries.term IS ${sql.lit(TERM)}`.execute(db);
}

/** As migration 37 has it. */
const TERM =
  'A workflow version: its `named_task_id`. A tag: the first 60 bits of its SHA-256, made negative; tags that share one are distinguished by their tasks.';

const P = 'COLUMN tasker.tasker_search_paths';
const COMMENTS: Readonly<Record<string, string>> = {
  'TABLE tasker.tasker_search_paths':
    'One row for each path of the inputs of a workflow whose values are in the directory of tasks: `tasker search enable`.',
  [`${P}.path_id`]: 'Never used again: what was entered for a path that was disabled is found by no other one.',
  [`${P}.namespace`]: 'The namespace of the workflow.',
  [`${P}.workflow`]: 'Its name: every version of it.',
  [`${P}.path`]: 'The path, as a search has it: `input.order`.',
  [`${P}.json_path`]: 'The same as PostgreSQL reads it.',
  [`${P}.enabled_at`]:
    'Later than any stretch was entered before. A stretch has the path if it was entered from then on.',
  [`${P}.enabled_by`]: 'Who enabled it.',
  'COLUMN tasker.tasker_directory_stretches.searched_at':
    'The same as `entered_at` if the values of the paths that were enabled then are entered as well. A scheduler of an earlier version enters none and leaves it as it was.',
  'COLUMN tasker.tasker_directory_entries.term': `${TERM} A value of an input: 2^62, the path's id times 2^42, and 42 bits of the SHA-256 of the value.`,
};
