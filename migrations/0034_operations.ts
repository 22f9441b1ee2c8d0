import { type Kysely, sql } from 'kysely';

/** Bulk operations: one act on a set of tasks that was chosen once, worked off by schedulers. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE tasker.tasker_operations (
      operation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      action text NOT NULL,
      options jsonb NOT NULL DEFAULT '{}',
      selection jsonb NOT NULL DEFAULT '{}',
      state text NOT NULL DEFAULT 'preview',
      token_hash text NOT NULL,
      by text NOT NULL,
      reason text,
      principal text,
      namespaces text[],
      preview jsonb NOT NULL DEFAULT '{}',
      total integer NOT NULL DEFAULT 0,
      done integer NOT NULL DEFAULT 0,
      refused integer NOT NULL DEFAULT 0,
      failed integer NOT NULL DEFAULT 0,
      settled integer NOT NULL DEFAULT 0,
      came_back integer NOT NULL DEFAULT 0,
      pace_per_second float8 NOT NULL,
      canary integer NOT NULL DEFAULT 0,
      canary_passed boolean NOT NULL DEFAULT true,
      stop_share float8,
      window_began_at timestamptz,
      window_done integer NOT NULL DEFAULT 0,
      window_came_back integer NOT NULL DEFAULT 0,
      watched_to bigint NOT NULL DEFAULT 0,
      paced_at timestamptz,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      expires_at timestamptz NOT NULL,
      started_at timestamptz,
      ended_at timestamptz,
      why text,
      CONSTRAINT operations_agree CHECK (action IN ('retry', 'cancel', 'resolve', 'rerun')
        AND state IN ('preview', 'running', 'paused', 'stopped', 'done', 'aborted')
        AND pace_per_second > 0 AND (stop_share > 0 AND stop_share <= 1) IS NOT FALSE AND canary >= 0
        AND (state = 'preview') = (started_at IS NULL) AND (state IN ('done', 'aborted')) = (ended_at IS NOT NULL)
        AND least(done, refused, failed, settled, came_back) >= 0 AND done + refused + failed <= total AND came_back <= settled
        AND settled <= done)
    )`.execute(db);
  await sql`
    CREATE INDEX operations_open ON tasker.tasker_operations (operation_id) WHERE state NOT IN ('done', 'aborted')`.execute(
    db,
  );
  await sql`
    CREATE INDEX operations_ended ON tasker.tasker_operations (ended_at) WHERE ended_at IS NOT NULL`.execute(db);
  await sql`
    CREATE TABLE tasker.tasker_operation_items (
      operation_id bigint NOT NULL,
      task_id bigint NOT NULL,
      task_state text NOT NULL,
      task_sort_key integer NOT NULL,
      fingerprints text[],
      state text NOT NULL DEFAULT 'waiting',
      outcome text,
      detail text,
      new_task_id bigint,
      acted_at timestamptz,
      settled text,
      PRIMARY KEY (operation_id, task_id),
      CONSTRAINT operation_items_agree CHECK (state IN ('waiting', 'done', 'refused', 'failed')
        AND (state = 'waiting') = (acted_at IS NULL) AND (state = 'waiting') = (outcome IS NULL)
        AND (settled IS NULL OR state = 'done' AND settled IN ('ended', 'failed', 'came_back')))
    )`.execute(db);
  await sql`
    CREATE INDEX operation_items_by_state ON tasker.tasker_operation_items (operation_id, state, task_id)`.execute(db);
  await sql`
    CREATE INDEX operation_items_watched ON tasker.tasker_operation_items (operation_id, task_id)
    WHERE state = 'done' AND settled IS NULL`.execute(db);
  for (const [name, meaning] of Object.entries(COMMENTS)) {
    await sql`COMMENT ON ${sql.raw(name)} IS ${sql.lit(meaning)}`.execute(db);
  }
}

/** What is under way would stop in the middle without a trace of what was done, so the way down is only for those who have nothing open. */
export async function down(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql`
    SELECT FROM tasker.tasker_operations WHERE state IN ('running', 'paused', 'stopped') LIMIT 1`.execute(db);
  if (rows.length > 0) {
    throw new Error(
      'tasker_operations has operations that have not ended: let them end, or abort them (tasker bulk abort)',
    );
  }
  await sql`DROP TABLE tasker.tasker_operation_items`.execute(db);
  await sql`DROP TABLE tasker.tasker_operations`.execute(db);
}

const O = 'COLUMN tasker.tasker_operations';
const I = 'COLUMN tasker.tasker_operation_items';
const COMMENTS: Readonly<Record<string, string>> = {
  'TABLE tasker.tasker_operations':
    'One row per bulk operation: one act on a set of tasks that was chosen once. Schedulers work it off.',
  [`${O}.operation_id`]: 'Key.',
  [`${O}.action`]: 'What is done to each task: `retry`, `cancel`, `resolve` or `rerun`.',
  [`${O}.options`]: 'How: further attempts, the step, its result, the steps to begin with.',
  [`${O}.selection`]: 'How the tasks were chosen: the filter of a list, or the number of ids that were given.',
  [`${O}.state`]:
    '`preview`: it may be started. `running`. `paused`: by somebody. `stopped`: by itself, `why` says why. `done`: each item has an outcome. `aborted`: for good.',
  [`${O}.token_hash`]: 'SHA-256 of what starts it, in hexadecimal digits.',
  [`${O}.by`]: 'Who started it; of a preview, who made it.',
  [`${O}.reason`]: 'Why.',
  [`${O}.principal`]: 'As whom the API knows them, such as `key:4f0q9xk2m1zz`; null: it was not the API.',
  [`${O}.namespaces`]: 'Only tasks of these namespaces are touched; null: all.',
  [`${O}.preview`]: 'What was counted when the tasks were chosen.',
  [`${O}.total`]: 'Items.',
  [`${O}.done`]: 'Items whose task was changed.',
  [`${O}.refused`]: 'Items whose task did not allow it any more.',
  [`${O}.failed`]: 'Items whose act ended with an error.',
  [`${O}.settled`]: 'Items that are done, and of whose task it is known how it went on.',
  [`${O}.came_back`]: 'Those of them that failed again with what they had failed with before.',
  [`${O}.pace_per_second`]: 'Items a second, at most.',
  [`${O}.canary`]: 'How many items are done first, and waited for.',
  [`${O}.canary_passed`]:
    'Nothing waits for the canary: there is none, or it went well, or somebody went on regardless.',
  [`${O}.stop_share`]: 'It stops when this share of the items came back; null: it does not.',
  [`${O}.window_began_at`]:
    'The share is of the items that were done since then: since the start, or since it was resumed after a stop.',
  [`${O}.window_done`]: 'How many of these are done.',
  [`${O}.window_came_back`]: 'How many of these came back.',
  [`${O}.watched_to`]: 'Up to which task id the items that are done were checked in this turn.',
  [`${O}.paced_at`]: 'Up to when the pace is spent.',
  [`${O}.created_at`]: 'When the tasks were chosen.',
  [`${O}.expires_at`]: 'Until when the preview may be started.',
  [`${O}.started_at`]: 'When it was started.',
  [`${O}.ended_at`]: 'When it was done or aborted.',
  [`${O}.why`]: 'Why it is paused, stopped or aborted.',
  'TABLE tasker.tasker_operation_items': 'One row per task of a bulk operation.',
  [`${I}.operation_id`]: 'The operation.',
  [`${I}.task_id`]: 'The task.',
  [`${I}.task_state`]: 'Its state when it was chosen.',
  [`${I}.task_sort_key`]: 'The number of its last transition when it was chosen.',
  [`${I}.fingerprints`]: 'What its steps in error had failed with when it was chosen; null: none was in error.',
  [`${I}.state`]: '`waiting`, `done`, `refused` or `failed`.',
  [`${I}.outcome`]: 'What came of the act, as the verb returns it; null: it waits.',
  [`${I}.detail`]: 'More about it: the state that refused it, or the error.',
  [`${I}.new_task_id`]: 'The task that a rerun made.',
  [`${I}.acted_at`]: 'When.',
  [`${I}.settled`]:
    'How the task went on after the act: `ended`, `failed` with something else, or `came_back`: failed again with one of `fingerprints`. Null: not known yet, or nobody watches any more.',
};
