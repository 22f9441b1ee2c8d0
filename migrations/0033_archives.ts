import { type Kysely, sql } from 'kysely';

/**
 * The records of the archive: one row for each object of some thousand tasks. Which tasks an object has is one bit for each id of its range, or a
 * list of ids, if that is shorter; which identities and tags it may have, ten bits for each.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE tasker.tasker_archives (
      archive_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      state text NOT NULL DEFAULT 'writing',
      object text NOT NULL UNIQUE,
      replaces bigint,
      touched_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      stored_at timestamptz,
      format integer,
      tasks integer,
      steps integer,
      edges integer,
      transitions integer,
      erased_tasks integer,
      lowest_task_id bigint,
      highest_task_id bigint,
      requested_since timestamptz,
      requested_until timestamptz,
      ended_until timestamptz,
      bytes bigint,
      sha256 text,
      members bytea,
      member_ids bigint[],
      keys bytea,
      CONSTRAINT archives_agree CHECK (state IN ('writing', 'stored', 'discarded') AND (state <> 'stored' OR num_nulls(stored_at, format,
        tasks, steps, edges, transitions, erased_tasks, lowest_task_id, highest_task_id, requested_since, requested_until, ended_until, bytes,
        sha256, keys) = 0 AND num_nulls(members, member_ids) = 1))
    )`.execute(db);
  await sql`
    CREATE UNIQUE INDEX archives_one_writer ON tasker.tasker_archives (coalesce(replaces, 0)) WHERE state = 'writing'`.execute(
    db,
  );
  await sql`
    CREATE INDEX archives_by_task ON tasker.tasker_archives (highest_task_id, lowest_task_id) WHERE state = 'stored'`.execute(
    db,
  );
  await sql`
    CREATE TABLE tasker.tasker_archive_restores (
      archive_id bigint NOT NULL,
      task_id bigint NOT NULL,
      restored_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      keep_until timestamptz NOT NULL,
      requested_by text,
      reason text,
      PRIMARY KEY (archive_id, task_id)
    )`.execute(db);
  await sql`CREATE INDEX archive_restores_by_task ON tasker.tasker_archive_restores (task_id)`.execute(db);
  for (const [name, meaning] of Object.entries(COMMENTS)) {
    await sql`COMMENT ON ${sql.raw(name)} IS ${sql.lit(meaning)}`.execute(db);
  }
}

/** Without the records nobody finds an archived task again, so the way down is only for those who archived nothing. */
export async function down(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql`SELECT FROM tasker.tasker_archives WHERE state = 'stored' LIMIT 1`.execute(db);
  if (rows.length > 0) {
    throw new Error(
      'tasker_archives has records: without them the tasks in the archive are lost to the fleet. Restore them first, or export the table and delete its rows',
    );
  }
  await sql`DROP TABLE tasker.tasker_archive_restores`.execute(db);
  await sql`DROP TABLE tasker.tasker_archives`.execute(db);
}

const A = 'COLUMN tasker.tasker_archives';
const R = 'COLUMN tasker.tasker_archive_restores';
const COMMENTS: Readonly<Record<string, string>> = {
  'TABLE tasker.tasker_archives':
    'One row per object of the archive: some thousand tasks that are no longer in the tables.',
  [`${A}.archive_id`]: 'Key.',
  [`${A}.state`]:
    '`writing`: the object is being written, and its tasks are in the tables. `stored`: its tasks are in the object. `discarded`: nothing needs the object, which is to be removed from the store.',
  [`${A}.object`]: 'Its name in the store.',
  [`${A}.replaces`]: 'While it is written: the record whose object it replaces, without tasks that are to be erased.',
  [`${A}.touched_at`]: 'When its writer last showed that it lives.',
  [`${A}.stored_at`]: 'Since when its tasks are in it, and in no table.',
  [`${A}.format`]: 'Of the object.',
  [`${A}.tasks`]: 'Its tasks.',
  [`${A}.steps`]: 'Rows of their steps.',
  [`${A}.edges`]: 'Rows of their edges.',
  [`${A}.transitions`]: 'Rows of their histories.',
  [`${A}.erased_tasks`]: 'Tasks that it had, and that were erased.',
  [`${A}.lowest_task_id`]: 'The lowest id of its tasks.',
  [`${A}.highest_task_id`]: 'The highest id of its tasks.',
  [`${A}.requested_since`]: 'When the first of them was requested.',
  [`${A}.requested_until`]: 'When the last of them was requested.',
  [`${A}.ended_until`]: 'When the last of them ended.',
  [`${A}.bytes`]: 'Of the object as it is stored.',
  [`${A}.sha256`]: 'Of the object as it is stored, in hexadecimal digits.',
  [`${A}.members`]:
    'Which ids it has: one bit for each id from the lowest to the highest; null: `member_ids` has them.',
  [`${A}.member_ids`]: 'Which ids it has, if they are so far from each other that a list is shorter.',
  [`${A}.keys`]: 'Which identities and tags it may have: a Bloom filter of ten bits for each.',
  'TABLE tasker.tasker_archive_restores':
    'One row per task that was restored: its object still has a copy, which no longer counts.',
  [`${R}.archive_id`]: 'The record of that object.',
  [`${R}.task_id`]: 'The task.',
  [`${R}.restored_at`]: 'When.',
  [`${R}.keep_until`]: 'Until then retention leaves the task.',
  [`${R}.requested_by`]: 'Who restored it.',
  [`${R}.reason`]: 'Why.',
};
