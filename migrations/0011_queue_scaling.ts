import { type Kysely, sql } from 'kysely';
import { createView, dropView } from './support/views.ts';

/**
 * What workers report of their work per queue, the signal that the scheduler computes from it, and the view that an
 * autoscaler reads.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  // One row per process and queue, rewritten every few seconds: no index but the key, and room for HOT updates.
  await sql`
    CREATE TABLE tasker.tasker_worker_activity (
      worker_id bigint NOT NULL,
      queue text NOT NULL,
      started_attempts bigint NOT NULL DEFAULT 0,
      completed_attempts bigint NOT NULL DEFAULT 0,
      failed_attempts bigint NOT NULL DEFAULT 0,
      completed_seconds float8 NOT NULL DEFAULT 0,
      running_steps integer NOT NULL DEFAULT 0,
      running_seconds float8 NOT NULL DEFAULT 0,
      reported_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      PRIMARY KEY (worker_id, queue),
      CONSTRAINT worker_activity_not_negative CHECK (
        started_attempts >= 0 AND completed_attempts >= 0 AND failed_attempts >= 0
        AND completed_seconds >= 0 AND running_steps >= 0 AND running_seconds >= 0
      )
    ) WITH (fillfactor = 50)`.execute(db);
  await sql`
    CREATE TABLE tasker.tasker_queue_scaling_signals (
      queue text PRIMARY KEY,
      desired_replicas integer NOT NULL,
      wanted_replicas integer NOT NULL,
      desired_slots float8 NOT NULL,
      reason text NOT NULL,
      ready_steps float8 NOT NULL,
      oldest_ready_seconds float8 NOT NULL,
      running_steps float8 NOT NULL,
      running_seconds float8 NOT NULL,
      workers integer NOT NULL,
      slots_per_worker float8 NOT NULL,
      arrival_rate float8 NOT NULL,
      start_rate float8 NOT NULL,
      completion_rate float8 NOT NULL,
      quiet_seconds float8 NOT NULL,
      step_seconds float8 NOT NULL,
      step_weight float8 NOT NULL,
      started_total float8 NOT NULL,
      completed_total float8 NOT NULL,
      completed_seconds_total float8 NOT NULL,
      max_replicas integer,
      measured_at timestamptz NOT NULL,
      valid_until timestamptz NOT NULL,
      CONSTRAINT queue_scaling_signals_in_range CHECK (
        desired_replicas >= 0 AND wanted_replicas >= desired_replicas AND desired_slots >= 0
        AND (max_replicas IS NULL OR desired_replicas <= max_replicas)
      ),
      CONSTRAINT queue_scaling_signals_reason_known CHECK (reason IN ('load', 'idle', 'stalled', 'unclaimed'))
    ) WITH (fillfactor = 50)`.execute(db);
  await createView(db, 'tasker_queue_scaling', 1);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await dropView(db, 'tasker_queue_scaling');
  await sql`DROP TABLE tasker.tasker_queue_scaling_signals`.execute(db);
  await sql`DROP TABLE tasker.tasker_worker_activity`.execute(db);
}
