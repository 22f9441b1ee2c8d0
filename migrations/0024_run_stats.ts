import { type Kysely, sql } from 'kysely';
import { createView, dropView } from './support/views.ts';

/**
 * What ran, failed and was tried again, and how long it waited and ran, by hour and by day: small tables that a chore of the scheduler
 * keeps from the histories, and two views of them. No table that a step writes changes, and nothing is read here: counting begins when
 * the first scheduler of this version runs.
 *
 * Durations are counts by bucket: the upper bound of bucket b is 1.1^b milliseconds, so a percentile is right within 5 %, whether of an
 * hour or of many that were added up.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE tasker.tasker_run_stats (
      period text NOT NULL,
      starts_at timestamptz NOT NULL,
      named_task_id integer NOT NULL,
      named_step_id integer NOT NULL,
      runs bigint NOT NULL,
      failures bigint NOT NULL,
      retries bigint NOT NULL,
      waiting_p50 double precision,
      waiting_p95 double precision,
      running_p50 double precision,
      running_p95 double precision,
      waiting_buckets smallint[] NOT NULL DEFAULT '{}',
      waiting_counts bigint[] NOT NULL DEFAULT '{}',
      running_buckets smallint[] NOT NULL DEFAULT '{}',
      running_counts bigint[] NOT NULL DEFAULT '{}',
      PRIMARY KEY (period, starts_at, named_task_id, named_step_id),
      CONSTRAINT run_stats_agree CHECK (
        period IN ('hour', 'day') AND runs >= 0 AND failures BETWEEN 0 AND runs AND retries >= 0
        AND cardinality(waiting_buckets) = cardinality(waiting_counts)
        AND cardinality(running_buckets) = cardinality(running_counts))
    ) WITH (fillfactor = 70)`.execute(db);
  await sql`
    CREATE INDEX run_stats_by_workflow ON tasker.tasker_run_stats (period, named_task_id, named_step_id, starts_at)`.execute(
    db,
  );
  await sql`
    CREATE TABLE tasker.tasker_run_stats_tasks (
      task_id bigint PRIMARY KEY,
      quiet_sort_key integer
    ) WITH (fillfactor = 70)`.execute(db);
  await sql`
    CREATE TABLE tasker.tasker_run_stats_progress (
      only_row boolean PRIMARY KEY DEFAULT true,
      counted_until timestamptz,
      counted_from timestamptz,
      listed_up_to bigint NOT NULL DEFAULT 0,
      next_listed_up_to bigint,
      next_listed_at timestamptz,
      settled_after bigint,
      slice_until timestamptz,
      slice_task_id bigint,
      slice_listed_up_to bigint,
      slice_phase text,
      slice_cursor bigint NOT NULL DEFAULT 0,
      CONSTRAINT run_stats_progress_one_row CHECK (only_row),
      CONSTRAINT run_stats_progress_phase CHECK (slice_phase IN ('listed', 'young'))
    ) WITH (fillfactor = 50)`.execute(db);
  await sql`INSERT INTO tasker.tasker_run_stats_progress DEFAULT VALUES`.execute(db);
  for (const [name, meaning] of Object.entries(COMMENTS)) {
    await sql`COMMENT ON ${sql.raw(name)} IS ${sql.lit(meaning)}`.execute(db);
  }
  await createView(db, 'tasker_workflow_hours', 1);
  await createView(db, 'tasker_step_hours', 1);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await dropView(db, 'tasker_step_hours');
  await dropView(db, 'tasker_workflow_hours');
  for (const table of ['tasker_run_stats_progress', 'tasker_run_stats_tasks', 'tasker_run_stats']) {
    await sql`DROP TABLE ${sql.raw(`tasker.${table}`)}`.execute(db);
  }
}

const table = (name: string, about: string, columns: Readonly<Record<string, string>>): [string, string][] => [
  [`TABLE tasker.${name}`, about],
  ...Object.entries(columns).map(([column, meaning]): [string, string] => [`COLUMN tasker.${name}.${column}`, meaning]),
];

const COMMENTS: Readonly<Record<string, string>> = Object.fromEntries([
  ...table(
    'tasker_run_stats',
    'Runs by hour and by day (UTC), of each workflow version and of each of its steps. A chore of the scheduler keeps it. Read it through the views tasker_workflow_hours and tasker_step_hours.',
    {
      period: '`hour`, or `day`: the sum of its 24 hours, made when the last of them is closed.',
      starts_at: 'Begin of the period.',
      named_task_id: 'The workflow.',
      named_step_id: 'The step; 0: the tasks of the workflow themselves.',
      runs: 'Attempts that ended in the period: complete, failed or lost. Of tasks: those that were complete, or went to error.',
      failures: 'How many of them failed or were lost; of tasks: went to error.',
      retries: 'Attempts of a step that had failed before; of tasks in error: those that an operator let go on.',
      waiting_p50:
        'Median of the seconds from ready to claimed; of tasks: from requested_at to the first claim. Within 5 %.',
      waiting_p95: 'The 95th percentile of them.',
      running_p50: 'Median of the seconds from the claim to the end. Within 5 %.',
      running_p95: 'The 95th percentile of them.',
      waiting_buckets: 'Buckets that have any of them, ascending: the upper bound of b is 1.1^b milliseconds.',
      waiting_counts: 'How many are in each of these buckets.',
      running_buckets: 'Likewise for the running.',
      running_counts: 'Likewise for the running.',
    },
  ),
  ...table(
    'tasker_run_stats_tasks',
    'Tasks up to tasker_run_stats_progress.listed_up_to that may still have transitions that are not counted: those that are open. Younger ones are found by their ids.',
    {
      task_id: 'The task.',
      quiet_sort_key:
        'If it is in error and all of it is counted: the sort_key of the task. As long as that stays, nothing is new.',
    },
  ),
  ...table(
    'tasker_run_stats_progress',
    'How far the histories are counted: one row, locked by the scheduler that counts.',
    {
      only_row: 'Always true.',
      counted_until:
        'Every transition before this time is counted, and none after it. An hour that ended before it is closed. Null: counting has not begun.',
      counted_from: 'The first hour that is counted as a whole.',
      listed_up_to: 'Open tasks with an id up to this one are in tasker_run_stats_tasks.',
      next_listed_up_to: 'The next value of it: the highest id at next_listed_at.',
      next_listed_at: 'When that was.',
      settled_after: 'Transactions with lower numbers have to be over before the slice is counted.',
      slice_until: 'End of the slice of time that is being counted; null: none is.',
      slice_task_id: 'The highest id that may have transitions in it.',
      slice_listed_up_to: 'listed_up_to after it.',
      slice_phase: '`listed`: the tasks of tasker_run_stats_tasks, then `young`: those above listed_up_to.',
      slice_cursor: 'The last id of the phase that is counted.',
    },
  ),
]);
