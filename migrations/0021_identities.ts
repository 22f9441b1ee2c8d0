import { type Kysely, sql } from 'kysely';

/**
 * The tasks of an identity that was used again (option `reuse`). The first task of an identity is found by its identity_hash in
 * tasker_tasks; only when a second one replaces it are both written here. So a submit pays nothing for this table unless its
 * identity is taken already.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE tasker.tasker_identities (
      identity_hash text NOT NULL,
      generation integer NOT NULL,
      task_id bigint NOT NULL,
      PRIMARY KEY (identity_hash, generation),
      CONSTRAINT identities_of_one_task UNIQUE (task_id),
      CONSTRAINT identities_generation CHECK (generation >= 1)
    )`.execute(db);
  await comment(db, COMMENTS);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await comment(db, { [IDENTITY_HASH]: 'Unique: a second submit of the same identity finds this task.' });
  await sql`DROP TABLE tasker.tasker_identities`.execute(db);
}

/** The lock that a comment takes conflicts with no reader and no writer; an autovacuum in its way is cancelled after a second. */
async function comment(db: Kysely<unknown>, comments: Readonly<Record<string, string>>): Promise<void> {
  await sql`SET LOCAL lock_timeout = '5s'`.execute(db);
  for (const [name, meaning] of Object.entries(comments)) {
    await sql`COMMENT ON ${sql.raw(name)} IS ${sql.lit(meaning)}`.execute(db);
  }
}

const IDENTITY_HASH = 'COLUMN tasker.tasker_tasks.identity_hash';

const COMMENTS: Readonly<Record<string, string>> = {
  [IDENTITY_HASH]:
    'Unique: a second submit of the same identity finds this task, or the latest one that tasker_identities has for it.',
  'TABLE tasker.tasker_identities':
    'The tasks of each identity that was used again. The latest generation holds the identity. Other identities have no row.',
  'COLUMN tasker.tasker_identities.identity_hash': 'The identity: the identity_hash of its first task.',
  'COLUMN tasker.tasker_identities.generation':
    'From 1. The identity_hash of a later task is this one with ~ and the generation behind it.',
  'COLUMN tasker.tasker_identities.task_id': 'The task of this generation.',
};
