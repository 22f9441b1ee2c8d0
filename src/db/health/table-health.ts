import { defineStatement } from '../statement.ts';

export interface TableHealthRow {
  relation: string;
  live_tuples: number;
  dead_tuples: number;
  total_bytes: number;
  updates: number;
  hot_updates: number;
}

/** Size, dead rows and share of HOT updates of the engine's tables. A partitioned table is the sum of its partitions. */
export const tableHealth = defineStatement<TableHealthRow>()({
  name: 'table_health',
  params: { schema: 'text' },
  text: `
SELECT coalesce(p.relname, s.relname) AS relation, sum(s.n_live_tup)::float8 AS live_tuples, sum(s.n_dead_tup)::float8 AS dead_tuples,
  sum(pg_total_relation_size(s.relid))::float8 AS total_bytes, sum(s.n_tup_upd)::float8 AS updates,
  sum(s.n_tup_hot_upd)::float8 AS hot_updates
FROM pg_stat_user_tables s
LEFT JOIN pg_inherits i ON i.inhrelid = s.relid
LEFT JOIN pg_class p ON p.oid = i.inhparent
WHERE s.schemaname = :schema
GROUP BY 1`,
});

/** Scans and size of each index; that of a partitioned table is the sum of those of its partitions. */
export const indexUsage = defineStatement<{ relation: string; index: string; scans: number; bytes: number }>()({
  name: 'index_usage',
  params: { schema: 'text' },
  text: `
SELECT coalesce(p.relname, s.relname) AS relation, coalesce(x.relname, s.indexrelname) AS index, sum(s.idx_scan)::float8 AS scans,
  sum(pg_relation_size(s.indexrelid))::float8 AS bytes
FROM pg_stat_user_indexes s
LEFT JOIN pg_inherits i ON i.inhrelid = s.relid
LEFT JOIN pg_class p ON p.oid = i.inhparent
LEFT JOIN pg_inherits j ON j.inhrelid = s.indexrelid
LEFT JOIN pg_class x ON x.oid = j.inhparent
WHERE s.schemaname = :schema
GROUP BY 1, 2`,
});
