import { type Kysely, sql } from 'kysely';

/** A day of each queue, a row for each minute in which something happened: for who looks at a queue without a metrics server. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE tasker.tasker_queue_samples (
      minute timestamptz NOT NULL,
      queue text NOT NULL,
      ready float8 NOT NULL,
      oldest_ready_seconds float8 NOT NULL,
      running float8 NOT NULL,
      workers integer NOT NULL,
      desired_workers integer NOT NULL,
      arrivals_per_second float8 NOT NULL,
      completions_per_second float8 NOT NULL,
      PRIMARY KEY (minute, queue)
    ) WITH (fillfactor = 50)`.execute(db);
  for (const [name, meaning] of Object.entries(COMMENTS)) {
    await sql`COMMENT ON ${sql.raw(name)} IS ${sql.lit(meaning)}`.execute(db);
  }
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP TABLE tasker.tasker_queue_samples`.execute(db);
}

const COLUMN = 'COLUMN tasker.tasker_queue_samples';

const COMMENTS = {
  'TABLE tasker.tasker_queue_samples':
    'One row per queue and minute of the last day in which something of it was ready or ran. The scheduler that evaluates the scaling policy writes it.',
  [`${COLUMN}.minute`]: 'Begin of the minute.',
  [`${COLUMN}.queue`]: 'The queue.',
  [`${COLUMN}.ready`]: 'The most ready steps that were measured in it.',
  [`${COLUMN}.oldest_ready_seconds`]: 'The highest age of the one that had waited longest.',
  [`${COLUMN}.running`]: 'Steps that ran when it was last measured.',
  [`${COLUMN}.workers`]: 'Workers that served the queue then.',
  [`${COLUMN}.desired_workers`]: 'Workers that the scaling signal asked for then.',
  [`${COLUMN}.arrivals_per_second`]: 'Steps that became ready per second, smoothed.',
  [`${COLUMN}.completions_per_second`]: 'Attempts that completed per second, smoothed.',
};
