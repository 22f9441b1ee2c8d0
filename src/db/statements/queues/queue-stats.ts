import { statement } from '../../statement.ts';

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
  (SELECT deadlocks::float8 FROM pg_stat_database WHERE datname = current_database()) AS deadlocks`,
);

export interface XminHolderRow {
  kind: string;
  holder: string;
  seconds: number | null;
  transactions: number;
}

/**
 * Who holds back the removal of dead rows, the oldest first: sessions, prepared transactions, replication slots, standbys
 * with hot_standby_feedback. A session is known by its application name; a role that may not see others' sees fewer.
 */
export const xminHolders = statement<XminHolderRow>(
  'xmin_holders',
  `
SELECT kind, holder, max(seconds)::float8 AS seconds, max(transactions)::float8 AS transactions
FROM (
  SELECT CASE WHEN backend_type = 'walsender' THEN 'standby' ELSE 'session' END AS kind,
    coalesce(nullif(application_name, ''), backend_type) AS holder,
    extract(epoch FROM clock_timestamp() - xact_start) AS seconds, age(backend_xmin) AS transactions
  FROM pg_stat_activity
  WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()
  UNION ALL
  SELECT 'prepared_transaction', gid, extract(epoch FROM clock_timestamp() - prepared), age(transaction)
  FROM pg_prepared_xacts
  UNION ALL
  SELECT 'replication_slot', slot_name, NULL, greatest(age(xmin), age(catalog_xmin))
  FROM pg_replication_slots
  WHERE xmin IS NOT NULL OR catalog_xmin IS NOT NULL
) h
GROUP BY kind, holder
ORDER BY transactions DESC, seconds DESC NULLS LAST
LIMIT 5`,
);

/**
 * How much of each B-tree is air, from the planner's statistics: entries x (mean width of the columns + 8 bytes of header and
 * 4 of pointer, aligned to 8) at the index's fillfactor, against the pages it has. An estimate; pgstattuple measures.
 * Deduplicated or very small indexes answer 0 at the least. Parameter: schema.
 */
export const indexBloat = statement<{ relation: string; index: string; bloat: number }>(
  'index_bloat',
  `
SELECT t.relname AS relation, i.relname AS index,
  greatest(0, 1 - (
    greatest(i.reltuples, 0) * (8 * ceil((8 + w.width) / 8.0) + 4)
    / (8168 * coalesce((SELECT option_value::numeric FROM pg_options_to_table(i.reloptions) WHERE option_name = 'fillfactor'), 90) / 100)
  ) / i.relpages)::float8 AS bloat
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_class t ON t.oid = x.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_am m ON m.oid = i.relam AND m.amname = 'btree'
CROSS JOIN LATERAL (
  SELECT sum(coalesce(s.avg_width, 8)) AS width
  FROM unnest(x.indkey::smallint[]) AS k (attnum)
  LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum
  LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = t.relname AND s.attname = a.attname
) w
WHERE n.nspname = $1 AND i.relpages >= 128 AND i.reltuples >= 0`,
);

/** The tables that a step goes through, as a list of SQL. */
const HOT_TABLES = [
  'workflow_steps',
  'tasks',
  'workflow_step_transitions',
  'task_transitions',
  'workflow_step_edges',
  'claims',
]
  .map((table) => `'tasker.tasker_${table}'`)
  .join(', ');

/** The hot tables, analyzed where `condition` holds. */
const analyzeWhere = (condition: string, options = ''): string => `
DO $$
DECLARE
  hot regclass;
BEGIN
  FOREACH hot IN ARRAY ARRAY[${HOT_TABLES}]::regclass[]
  LOOP
    IF ${condition} THEN
      EXECUTE format('ANALYZE ${options}%s', hot);
    END IF;
  END LOOP;
END
$$`;

/**
 * Fresh statistics for the planner; autovacuum can lag behind a burst. Not of empty tables: of a table that was never
 * analyzed the planner assumes ten pages, of one that was analyzed while empty it knows that reading all of it is as cheap as
 * one index look-up, and a worker that plans in that moment keeps to it while the table fills.
 */
export const analyzeHotTables = statement(
  'analyze_hot_tables',
  analyzeWhere('pg_relation_size(hot) > 0', '(SKIP_LOCKED) '),
);

/** The hot tables that hold something and were not analyzed by anybody in the last seconds. Parameter: how many. */
export const findUnanalyzed = statement<{ relation: string }>(
  'find_unanalyzed',
  `
SELECT hot::text AS relation
FROM unnest(ARRAY[${HOT_TABLES}]::regclass[]) AS h (hot)
WHERE pg_relation_size(hot) > 0
  AND coalesce(pg_stat_get_last_analyze_time(hot) < clock_timestamp() - make_interval(secs => $1::float8), true)`,
);

/**
 * The hot tables whose statistics this role may not refresh: PostgreSQL only warns and goes on. Who may: the table's owner, the
 * database's owner, and from 17 on whoever has MAINTAIN.
 */
export const findUnanalyzable = statement<{ relation: string; role: string; maintain: boolean }>(
  'find_unanalyzable',
  `
SELECT h.relation, current_user AS role, h.has_maintain AS maintain
FROM (
  SELECT hot::text AS relation, current_setting('server_version_num')::integer >= 170000 AS has_maintain,
    pg_has_role(c.relowner, 'USAGE') OR pg_has_role(d.datdba, 'USAGE') AS owned,
    CASE WHEN current_setting('server_version_num')::integer >= 170000
      THEN has_table_privilege(hot, 'MAINTAIN') ELSE false END AS maintains
  FROM unnest(ARRAY[${HOT_TABLES}]::regclass[]) AS h (hot)
  JOIN pg_class c ON c.oid = hot
  JOIN pg_database d ON d.datname = current_database()
) h
WHERE NOT h.owned AND NOT h.maintains`,
);

/** Of a table, given as oid: it is more than ten times as large as the planner was told. */
const outgrown = (table: string): string => `
  pg_relation_size(${table}) / current_setting('block_size')::integer
    > 10 * (SELECT greatest(c.relpages, 1) FROM pg_class c WHERE c.oid = ${table})`;

/**
 * The hot tables that have outgrown their statistics. A plan that was made for an empty table may read all of it for each step,
 * and prepared statements keep it until statistics come: autovacuum takes a minute or more.
 */
export const findOutgrown = statement<{ relation: string }>(
  'find_outgrown',
  `SELECT hot::text AS relation FROM unnest(ARRAY[${HOT_TABLES}]::regclass[]) AS h (hot) WHERE ${outgrown('hot')}`,
);

/** Fresh statistics of those. Where somebody else is at it already, these are left to come from there. */
export const analyzeOutgrown = statement('analyze_outgrown', analyzeWhere(outgrown('hot'), '(SKIP_LOCKED) '));
