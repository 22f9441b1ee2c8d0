import { statement } from '../statement.ts';

export interface QueueStatsRow {
  queue: string;
  ready: number;
  oldest_ready_seconds: number;
}

/** Depth and age of every queue that has ready steps. An index-only scan of steps_ready, so it costs what is waiting. */
export const queueStats = statement<QueueStatsRow>(
  'queue_stats',
  `
SELECT s.queue, count(*)::float8 AS ready, extract(epoch FROM clock_timestamp() - min(s.ready_at))::float8 AS oldest_ready_seconds
FROM tasker.tasker_workflow_steps s
WHERE s.ready_at IS NOT NULL
GROUP BY s.queue`,
);

export interface FleetStatsRow {
  waiting_retries: number;
  blocked_steps: number;
  open_claims: number;
  workers_alive: number;
  schedulers_alive: number;
  slots: number;
  busy_slots: number;
}

/** What the fleet is doing, each number from a partial index or a small table. */
export const fleetStats = statement<FleetStatsRow>(
  'fleet_stats',
  `
SELECT
  (SELECT count(*)::float8 FROM tasker.tasker_workflow_steps WHERE next_retry_at IS NOT NULL) AS waiting_retries,
  (SELECT count(*)::float8 FROM tasker.tasker_workflow_steps WHERE blocked_at IS NOT NULL) AS blocked_steps,
  (SELECT count(*)::float8 FROM tasker.tasker_claims) AS open_claims,
  w.workers_alive, w.schedulers_alive, w.slots, w.busy_slots
FROM (
  SELECT count(*) FILTER (WHERE role = 'worker')::float8 AS workers_alive,
    count(*) FILTER (WHERE role = 'scheduler')::float8 AS schedulers_alive,
    coalesce(sum(slots), 0)::float8 AS slots,
    coalesce(sum(busy_slots), 0)::float8 AS busy_slots
  FROM tasker.tasker_workers
  WHERE stopped_at IS NULL
) w`,
);

export interface TableHealthRow {
  relation: string;
  live_tuples: number;
  dead_tuples: number;
  total_bytes: number;
  updates: number;
  hot_updates: number;
}

/** Size, dead rows and share of HOT updates of the engine's tables. Parameter: schema. */
export const tableHealth = statement<TableHealthRow>(
  'table_health',
  `
SELECT relname AS relation, n_live_tup::float8 AS live_tuples, n_dead_tup::float8 AS dead_tuples,
  pg_total_relation_size(relid)::float8 AS total_bytes, n_tup_upd::float8 AS updates, n_tup_hot_upd::float8 AS hot_updates
FROM pg_stat_user_tables
WHERE schemaname = $1`,
);

/** Scans of each index. Parameter: schema. */
export const indexUsage = statement<{ relation: string; index: string; scans: number; bytes: number }>(
  'index_usage',
  `
SELECT relname AS relation, indexrelname AS index, idx_scan::float8 AS scans, pg_relation_size(indexrelid)::float8 AS bytes
FROM pg_stat_user_indexes
WHERE schemaname = $1`,
);

/** Parameter: schema. */
export const databaseHealth = statement<{
  buffer_hit_ratio: number | null;
  lock_waits_on_transitions: number;
  oldest_snapshot_seconds: number;
  connections: number;
  max_connections: number;
  deadlocks: number;
}>(
  'database_health',
  `
SELECT
  (SELECT sum(heap_blks_hit)::float8 / nullif(sum(heap_blks_hit) + sum(heap_blks_read), 0)
   FROM pg_statio_user_tables WHERE schemaname = $1) AS buffer_hit_ratio,
  (SELECT count(*)::float8 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE NOT l.granted AND n.nspname = $1 AND c.relname LIKE '%transitions') AS lock_waits_on_transitions,
  (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8
   FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()) AS oldest_snapshot_seconds,
  (SELECT count(*)::float8 FROM pg_stat_activity WHERE datname = current_database()) AS connections,
  (SELECT setting::float8 FROM pg_settings WHERE name = 'max_connections') AS max_connections,
  (SELECT deadlocks::float8 FROM pg_stat_database WHERE datname = current_database()) AS deadlocks`,
);

/**
 * Fresh statistics for the planner; autovacuum can lag behind a burst. Not of empty tables: of a table that was never
 * analyzed the planner assumes ten pages, of one that was analyzed while empty it knows that reading all of it is as cheap as
 * one index look-up, and a worker that plans in that moment keeps to it while the table fills.
 */
export const analyzeHotTables = statement(
  'analyze_hot_tables',
  `
DO $$
DECLARE
  hot regclass;
BEGIN
  FOREACH hot IN ARRAY ARRAY[
    'tasker.tasker_workflow_steps', 'tasker.tasker_tasks', 'tasker.tasker_workflow_step_transitions',
    'tasker.tasker_task_transitions', 'tasker.tasker_workflow_step_edges', 'tasker.tasker_claims']::regclass[]
  LOOP
    IF pg_relation_size(hot) > 0 THEN
      EXECUTE format('ANALYZE %s', hot);
    END IF;
  END LOOP;
END
$$`,
);
