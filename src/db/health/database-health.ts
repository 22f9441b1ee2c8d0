import { defineStatement } from '../statement.ts';

/** Cache hits, lock waits, the oldest snapshot and deadlocks. Reads the statistics views only. */
export const databaseHealth = defineStatement<{
  buffer_hit_ratio: number | null;
  lock_waits_on_transitions: number;
  oldest_snapshot_seconds: number;
  deadlocks: number;
}>()({
  name: 'database_health',
  params: { schema: 'text' },
  text: `
SELECT
  (SELECT sum(heap_blks_hit)::float8 / nullif(sum(heap_blks_hit) + sum(heap_blks_read), 0)
   FROM pg_statio_user_tables WHERE schemaname = :schema) AS buffer_hit_ratio,
  (SELECT count(*)::float8 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE NOT l.granted AND n.nspname = :schema AND c.relname ~ '_transitions(_p[0-9]+)?$') AS lock_waits_on_transitions,
  (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8
   FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()) AS oldest_snapshot_seconds,
  (SELECT deadlocks::float8 FROM pg_stat_database WHERE datname = current_database()) AS deadlocks`,
});
