import { type Kysely, sql } from 'kysely';

/**
 * The columns that view version 3 reads instead of joining: the state mirrored on its row, readiness kept up to date at write
 * time (`unmet_parents` counts down, `ready_at` is set while and only while a step may be claimed), and the claim protocol.
 *
 * Every statement here is instant on a populated database: new columns are nullable or have a constant default (no table
 * rewrite), storage settings apply only to pages that are filled from now on, and the new tables are empty. The next
 * migration fills the columns of existing rows in batches; the one after it makes the constraints and indexes.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await lockHotTables(db);
  await sql`
    ALTER TABLE tasker.tasker_named_tasks_named_steps
      ADD COLUMN ordinal integer NOT NULL DEFAULT 0,
      ADD COLUMN parents integer[] NOT NULL DEFAULT '{}',
      ADD COLUMN children integer[] NOT NULL DEFAULT '{}',
      ADD COLUMN queue text NOT NULL DEFAULT 'default',
      ADD COLUMN priority smallint NOT NULL DEFAULT 0`.execute(db);
  await sql`
    ALTER TABLE tasker.tasker_named_tasks
      ADD COLUMN definition_hash text,
      ADD COLUMN sinks integer NOT NULL DEFAULT 0`.execute(db);
  await sql`
    ALTER TABLE tasker.tasker_tasks
      ADD COLUMN state text NOT NULL DEFAULT 'pending',
      ADD COLUMN sort_key integer NOT NULL DEFAULT 0,
      ADD COLUMN priority smallint NOT NULL DEFAULT 0,
      ADD COLUMN unfinished_sinks integer NOT NULL DEFAULT 0,
      ADD COLUMN completed_at timestamptz`.execute(db);
  await sql`
    ALTER TABLE tasker.tasker_workflow_steps
      ADD COLUMN named_task_id integer NOT NULL DEFAULT 0,
      ADD COLUMN queue text NOT NULL DEFAULT 'default',
      ADD COLUMN priority smallint NOT NULL DEFAULT 0,
      ADD COLUMN state text NOT NULL DEFAULT 'pending',
      ADD COLUMN sort_key integer NOT NULL DEFAULT 0,
      ADD COLUMN total_parents integer NOT NULL DEFAULT 0,
      ADD COLUMN unmet_parents integer NOT NULL DEFAULT 0,
      ADD COLUMN children bigint[] NOT NULL DEFAULT '{}',
      ADD COLUMN ready_at timestamptz,
      ADD COLUMN next_retry_at timestamptz,
      ADD COLUMN blocked_at timestamptz,
      ADD COLUMN claim_id uuid,
      ADD COLUMN claimed_by bigint,
      ADD COLUMN task_blocked boolean NOT NULL DEFAULT false`.execute(db);
  for (const table of ['tasker_workflow_step_transitions', 'tasker_task_transitions']) {
    await sql`
      ALTER TABLE ${sql.table(`tasker.${table}`)}
        ADD COLUMN cause text,
        ADD COLUMN claim_id uuid,
        ADD COLUMN worker_id bigint`.execute(db);
  }

  // One row per process. `session_lock` is the key of an advisory lock that the process holds on a connection of its own:
  // when the kernel closes the sockets of a killed process, the lock is free long before the lease expires.
  await sql`
    CREATE TABLE tasker.tasker_workers (
      worker_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      role text NOT NULL CHECK (role IN ('worker', 'scheduler')),
      name text NOT NULL,
      version text NOT NULL,
      queues text[] NOT NULL DEFAULT '{}',
      slots integer NOT NULL DEFAULT 0,
      busy_slots integer NOT NULL DEFAULT 0,
      draining boolean NOT NULL DEFAULT false,
      started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      heartbeat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      lease_seconds real NOT NULL CHECK (lease_seconds > 0),
      lease_expires_at timestamptz NOT NULL,
      session_lock bigint,
      stopped_at timestamptz,
      stop_reason text CHECK (stop_reason IN ('drained', 'lease_expired'))
    ) WITH (fillfactor = 50)`.execute(db);

  // One row per claim, with the keys of the steps it took: the steps of a dead worker are found by it, without an index on a
  // column that every claim and completion changes.
  await sql`
    CREATE TABLE tasker.tasker_claims (
      claim_id uuid PRIMARY KEY,
      worker_id bigint NOT NULL,
      task_ids bigint[] NOT NULL,
      workflow_step_ids bigint[] NOT NULL,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )`.execute(db);

  // Half-empty pages keep an update on its page (HOT): no index entry, no second page to write.
  await sql`
    ALTER TABLE tasker.tasker_workflow_steps SET (
      fillfactor = 50,
      autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000,
      autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_limit = 2000)`.execute(db);
  await sql`
    ALTER TABLE tasker.tasker_tasks SET (
      fillfactor = 50,
      autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_limit = 2000)`.execute(
    db,
  );
  for (const table of ['tasker_workflow_step_transitions', 'tasker_task_transitions']) {
    await sql`
      ALTER TABLE ${sql.table(`tasker.${table}`)} SET (
        fillfactor = 85,
        autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_limit = 2000)`.execute(
      db,
    );
  }
  await sql`ALTER TABLE tasker.tasker_claims SET (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0)`.execute(
    db,
  );
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await lockHotTables(db);
  await sql`DROP TABLE tasker.tasker_claims`.execute(db);
  await sql`DROP TABLE tasker.tasker_workers`.execute(db);
  for (const table of ['tasker_workflow_step_transitions', 'tasker_task_transitions']) {
    await sql`
      ALTER TABLE ${sql.table(`tasker.${table}`)}
        DROP COLUMN cause,
        DROP COLUMN claim_id,
        DROP COLUMN worker_id`.execute(db);
    await sql`
      ALTER TABLE ${sql.table(`tasker.${table}`)} RESET (
        fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, autovacuum_vacuum_cost_limit)`.execute(
      db,
    );
  }
  await sql`
    ALTER TABLE tasker.tasker_workflow_steps
      DROP COLUMN named_task_id,
      DROP COLUMN queue,
      DROP COLUMN priority,
      DROP COLUMN state,
      DROP COLUMN sort_key,
      DROP COLUMN total_parents,
      DROP COLUMN unmet_parents,
      DROP COLUMN children,
      DROP COLUMN ready_at,
      DROP COLUMN next_retry_at,
      DROP COLUMN blocked_at,
      DROP COLUMN claim_id,
      DROP COLUMN claimed_by,
      DROP COLUMN task_blocked`.execute(db);
  await sql`
    ALTER TABLE tasker.tasker_workflow_steps RESET (
      fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold,
      autovacuum_analyze_scale_factor, autovacuum_vacuum_cost_limit)`.execute(db);
  await sql`
    ALTER TABLE tasker.tasker_tasks
      DROP COLUMN state,
      DROP COLUMN sort_key,
      DROP COLUMN priority,
      DROP COLUMN unfinished_sinks,
      DROP COLUMN completed_at`.execute(db);
  await sql`
    ALTER TABLE tasker.tasker_tasks RESET (
      fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, autovacuum_vacuum_cost_limit)`.execute(
    db,
  );
  await sql`ALTER TABLE tasker.tasker_named_tasks DROP COLUMN definition_hash, DROP COLUMN sinks`.execute(db);
  await sql`
    ALTER TABLE tasker.tasker_named_tasks_named_steps
      DROP COLUMN ordinal,
      DROP COLUMN parents,
      DROP COLUMN children,
      DROP COLUMN queue,
      DROP COLUMN priority`.execute(db);
}

/**
 * All further statements of this transaction need exclusive locks on these tables. If each statement took its lock when it
 * runs, in another order than readers of the views do, a reader would hold one table and wait for another that this migration
 * holds; with reads that never pause, the migration would time out for ever. So it takes all locks at once, in the order of
 * the views.
 */
async function lockHotTables(db: Kysely<unknown>): Promise<void> {
  await sql`
    LOCK TABLE tasker.tasker_workflow_steps, tasker.tasker_named_steps, tasker.tasker_workflow_step_transitions,
      tasker.tasker_workflow_step_edges, tasker.tasker_tasks, tasker.tasker_task_transitions IN ACCESS EXCLUSIVE MODE`.execute(
    db,
  );
}
