import { type Kysely, sql } from 'kysely';

/**
 * Retention by policy, and legal holds: four small tables of their own. No table that a step writes changes, and nothing is removed until
 * a workflow or TASKER_KEEP asks for it.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE tasker.tasker_holds (
      hold_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      task_id bigint,
      tag text,
      reason text NOT NULL,
      created_by text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      CONSTRAINT holds_of_a_task_or_a_tag CHECK ((task_id IS NULL) <> (tag IS NULL))
    )`.execute(db);
  await sql`CREATE INDEX holds_by_task ON tasker.tasker_holds (task_id) WHERE task_id IS NOT NULL`.execute(db);
  await sql`CREATE INDEX holds_by_tag ON tasker.tasker_holds (tag) WHERE tag IS NOT NULL`.execute(db);
  await sql`
    CREATE TABLE tasker.tasker_retention (
      only_row boolean PRIMARY KEY DEFAULT true,
      keep text NOT NULL DEFAULT '',
      keep_set_at timestamptz,
      policies jsonb NOT NULL DEFAULT '{}',
      entered_up_to bigint NOT NULL DEFAULT 0,
      settled_up_to bigint NOT NULL DEFAULT 0,
      next_settled_up_to bigint,
      next_settled_at timestamptz,
      leased_by uuid,
      leased_until timestamptz,
      CONSTRAINT retention_has_one_row CHECK (only_row)
    ) WITH (fillfactor = 50)`.execute(db);
  await sql`INSERT INTO tasker.tasker_retention DEFAULT VALUES`.execute(db);
  await sql`
    CREATE TABLE tasker.tasker_retention_blocks (
      first_task_id bigint PRIMARY KEY,
      next_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )`.execute(db);
  await sql`CREATE INDEX retention_blocks_due ON tasker.tasker_retention_blocks (next_at, first_task_id)`.execute(db);
  await sql`
    CREATE TABLE tasker.tasker_retention_removed (
      day date NOT NULL,
      named_task_id integer NOT NULL,
      state text NOT NULL,
      tasks bigint NOT NULL,
      steps bigint NOT NULL,
      PRIMARY KEY (day, named_task_id, state)
    ) WITH (fillfactor = 50)`.execute(db);
  for (const [name, meaning] of Object.entries(COMMENTS)) {
    await sql`COMMENT ON ${sql.raw(name)} IS ${sql.lit(meaning)}`.execute(db);
  }
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const name of ['retention_removed', 'retention_blocks', 'retention', 'holds']) {
    await sql`DROP TABLE ${sql.raw(`tasker.tasker_${name}`)}`.execute(db);
  }
}

const table = (name: string, about: string, columns: Readonly<Record<string, string>>): [string, string][] => [
  [`TABLE tasker.${name}`, about],
  ...Object.entries(columns).map(([column, meaning]): [string, string] => [`COLUMN tasker.${name}.${column}`, meaning]),
];

const COMMENTS: Readonly<Record<string, string>> = Object.fromEntries([
  ...table('tasker_holds', 'Legal holds: a task that one of them is about is removed by nobody.', {
    hold_id: 'Key.',
    task_id: 'It holds this task; null: it holds a tag.',
    tag: 'It holds every task with this tag, also later ones; null: it holds one task.',
    reason: 'Why, in the words of whoever set it.',
    created_by: 'Who set it.',
    created_at: 'When, by the clock of the database.',
  }),
  ...table('tasker_retention', 'How far retention is: one row, written by the scheduler that removes.', {
    only_row: 'Always true.',
    keep: 'TASKER_KEEP of the scheduler that started last: all of them go by it.',
    keep_set_at: 'When that one wrote it; null: no scheduler of this version has started.',
    policies:
      'The policies by which `next_at` of the blocks was computed: by id of the workflow, the seconds for each state. If one becomes shorter, every block is due.',
    entered_up_to: 'Tasks with lower ids that were visible then are in tasker_retention_blocks.',
    settled_up_to: 'Tasks with lower ids are all in tasker_retention_blocks: no further one becomes visible there.',
    next_settled_up_to: 'The next value of it: the highest id at next_settled_at.',
    next_settled_at: 'When that was.',
    leased_by: 'The scheduler that removes now: others leave it the work.',
    leased_until: 'Until when, unless it goes on.',
  }),
  ...table(
    'tasker_retention_blocks',
    'When retention has to visit the tasks of a range of 1,000 ids again. A range without tasks has no row.',
    {
      first_task_id: 'The first id of the range.',
      next_at: 'No task of it is due earlier. `infinity`: none will be, by the present policies.',
    },
  ),
  ...table('tasker_retention_removed', 'What retention has removed, by day (UTC).', {
    day: 'The day on which they were removed.',
    named_task_id: 'The workflow.',
    state: 'How the tasks had ended.',
    tasks: 'How many were removed.',
    steps: 'How many steps they had.',
  }),
]);
