import { defineStatement } from '../statement.ts';

export interface TableHealthRow {
  relation: string;
  live_tuples: number;
  dead_tuples: number;
  total_bytes: number;
  updates: number;
  hot_updates: number;
}

/** Size, dead rows and share of HOT updates of the engine's tables. */
export const tableHealth = defineStatement<TableHealthRow>()({
  name: 'table_health',
  params: { schema: 'text' },
  text: `
SELECT relname AS relation, n_live_tup::float8 AS live_tuples, n_dead_tup::float8 AS dead_tuples,
  pg_total_relation_size(relid)::float8 AS total_bytes, n_tup_upd::float8 AS updates, n_tup_hot_upd::float8 AS hot_updates
FROM pg_stat_user_tables
WHERE schemaname = :schema`,
});

/** Scans and size of each index. */
export const indexUsage = defineStatement<{ relation: string; index: string; scans: number; bytes: number }>()({
  name: 'index_usage',
  params: { schema: 'text' },
  text: `
SELECT relname AS relation, indexrelname AS index, idx_scan::float8 AS scans, pg_relation_size(indexrelid)::float8 AS bytes
FROM pg_stat_user_indexes
WHERE schemaname = :schema`,
});
