import { statement } from '../statement.ts';

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
